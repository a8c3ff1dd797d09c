"""Explanations of failures in `view`, `reshape` and similar functions."""

from __future__ import annotations

import re
from math import prod

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.mismatch import Kind, Mismatch
from netinspect.analysis.diagnosis.wording import (
    format_count,
    format_divisors,
    format_product,
    format_shape,
    integer_sizes,
)

_NON_CONTIGUOUS = (
    "transpose",
    "permute",
    "t",
    "T",
    "mT",
    "swapaxes",
    "swapdims",
    "movedim",
    "moveaxis",
    "expand",
)


def explain_view(call: Call) -> Explanation | None:
    """Explain sizes with another number of elements, or a view of a non-contiguous tensor."""
    given = call.tensor("0", "input", "self")
    wanted = call.sizes("shape" if call.name == "reshape" else "size", 1)
    sizes = integer_sizes(given.shape) if given is not None else None
    if given is None or wanted is None or sizes is None:
        return None
    if wanted.count(-1) > 1:
        return Explanation(
            f"only one size can be -1, but {format_shape(wanted)} has {wanted.count(-1)}",
            remedies=["give all sizes except one"],
        )
    if any(size < -1 for size in wanted):
        return None
    total, fixed = prod(sizes), prod(size for size in wanted if size != -1)
    fits = fixed == total if -1 not in wanted else fixed > 0 and total % fixed == 0
    if fits:
        return _explain_order(call, given, wanted)
    return _explain_heads(call, given, sizes, wanted) or _explain_elements(call, given, sizes, wanted)


def _explain_elements(
    call: Call, given: Given, sizes: tuple[int, ...], wanted: tuple[int, ...]
) -> Explanation:
    total = prod(sizes)
    known = tuple(size for size in wanted if size != -1)
    text = f"{format_shape(sizes)} has {total} elements"
    if len(sizes) > 1:
        text += f" = {format_product(sizes)}"
    if -1 in wanted:
        text += f", but {format_shape(wanted)} needs a multiple of {prod(known)}"
    else:
        text += f", but {format_shape(wanted)} has {prod(known)}"
        if len(known) > 1:
            text += f" = {format_product(known)}"
    remedies = []
    if len(sizes) > 1 and len(wanted) == 2:
        rest = prod(sizes[1:])
        text += f"; {total} = {sizes[0]} * {rest}"
        remedies.append(
            f"keep the first dimension of {sizes[0]}: x.{call.name}({sizes[0]}, -1) gives "
            f"({sizes[0]}, {rest})"
        )
    elif -1 not in wanted:
        at = _open_position(total, wanted)
        if at is not None:
            size = total // (prod(wanted[:at]) * prod(wanted[at + 1 :]))
            other = (*wanted[:at], size, *wanted[at + 1 :])
            remedies.append(f"use {size} or -1 in dimension {at}: {format_shape(other)}")
    return Explanation(text, [_mismatch(call, given, wanted, given.whole())], remedies, size_helps=True)


def _mismatch(
    call: Call, given: Given, wanted: tuple[int, ...], marks: dict[str, tuple[int, ...]]
) -> Mismatch:
    """Return the mismatch of the numbers of elements."""
    return Mismatch(
        "multiple" if -1 in wanted else "size",
        prod(size for size in wanted if size != -1),
        given.spec.elements,
        marks,
        f"{call.name} to {format_shape(wanted)} in {call.place}",
    )


def _open_position(total: int, wanted: tuple[int, ...]) -> int | None:
    """Return the last position whose size could be changed to match the total."""
    for at in reversed(range(len(wanted))):
        others = prod(wanted[:at]) * prod(wanted[at + 1 :])
        if others and total % others == 0:
            return at
    return None


def _explain_heads(
    call: Call, given: Given, sizes: tuple[int, ...], wanted: tuple[int, ...]
) -> Explanation | None:
    """Explain a last dimension that cannot be split, as attention does into heads."""
    leading = len(sizes) - 1
    if leading < 1 or len(wanted) != leading + 2 or wanted[1:leading] != sizes[1:leading]:
        return None
    if wanted[0] not in (sizes[0], -1):
        return None
    one, other = wanted[leading:]
    last = sizes[-1]
    if -1 in (one, other):
        part = one if other == -1 else other
        if part < 1:
            return None
        text = f"the last dimension of {last} cannot be split into parts of {part}: {last} = "
        text += f"{last // part} * {part} + {last % part}"
        parts = part
    else:
        if one < 1 or other < 1 or one * other == last:
            return None
        text = f"the last dimension of {last} cannot be split into {one} * {other} = {one * other}"
        parts = one
    remedies = [f"{last} = {parts} * {last // parts}"]
    if last % parts:
        text += f"; {last} is not divisible by {parts}"
        remedies = [f"use a number that divides {last}: {format_divisors(last)}"]
    return Explanation(text, [_mismatch(call, given, wanted, given.at(given.rank - 1))], remedies)


def _explain_order(call: Call, given: Given, wanted: tuple[int, ...]) -> Explanation | None:
    """Explain a view that torch reports as non-contiguous; strides are not recorded."""
    if call.name != "view" or not re.search("stride|contiguous", call.message):
        return None
    producers = [each.name for each in call.producers(given) if each.name in _NON_CONTIGUOUS]
    after = f" after {producers[0]}" if producers else ""
    sizes = ", ".join(map(str, wanted))
    return Explanation(
        f"the sizes match, but the tensor is not contiguous{after}; view does not copy elements",
        remedies=[f"x.reshape({sizes})", f"x.contiguous().view({sizes})"],
    )


def explain_unflatten(call: Call) -> Explanation | None:
    """Explain sizes whose product is not the size of the dimension."""
    given = call.tensor("0", "input", "self")
    dimension, parts = call.number("1", "dim"), call.literal("2", "sizes")
    sizes = integer_sizes(given.shape) if given is not None else None
    if given is None or sizes is None or dimension is None or not isinstance(parts, (tuple, list)):
        return None
    if not -given.rank <= dimension < given.rank or not all(type(part) is int for part in parts):
        return None
    dimension %= given.rank
    size, known = sizes[dimension], prod(part for part in parts if part != -1)
    if parts.count(-1) > 1 or (size % known == 0 if -1 in parts and known else size == known):
        return None
    text = f"dimension {dimension} of size {size} cannot be unflattened to {format_shape(tuple(parts))}"
    text += (
        f" = {format_product(tuple(parts))} = {known}"
        if -1 not in parts
        else f": not divisible by {known}"
    )
    at = _open_position(size, tuple(parts)) if -1 not in parts else None
    remedies = []
    if at is not None:
        others = prod(parts[:at]) * prod(parts[at + 1 :])
        fitting = (*parts[:at], size // others, *parts[at + 1 :])
        remedies.append(f"use {format_shape(fitting)}, or -1 in that position")
    kind: Kind = "multiple" if -1 in parts else "size"
    mismatch = Mismatch(kind, known, size, given.at(dimension))
    return Explanation(text, [mismatch], remedies, size_helps=True)


def explain_permute(call: Call) -> Explanation | None:
    """Explain an order with another number of dimensions than the tensor."""
    given, order = call.tensor("0", "input", "self"), call.sizes("dims", 1)
    if given is None or order is None or len(order) == given.rank:
        return None
    return Explanation(
        f"{call.name} got {len(order)} dimensions, but {format_shape(given.shape)} has {given.rank}",
        [Mismatch("rank", len(order), given.rank, given.whole())],
    )


def explain_repeat(call: Call) -> Explanation | None:
    """Explain a repeat with fewer numbers than dimensions."""
    given, often = call.tensor("0", "input", "self"), call.sizes("repeats", 1)
    if given is None or often is None or len(often) >= given.rank:
        return None
    filled = (*[1] * (given.rank - len(often)), *often)
    return Explanation(
        f"repeat got {format_count(len(often), 'number')}, but {format_shape(given.shape)} has "
        f"{given.rank} dimensions, each of which needs one",
        [Mismatch("rank", len(often), given.rank, given.whole())],
        [f"use repeat{format_shape(filled)} to leave the other dimensions unchanged"],
    )


FAMILY = Family(
    functions={
        **dict.fromkeys(("view", "reshape"), explain_view),
        "unflatten": explain_unflatten,
        "permute": explain_permute,
        "repeat": explain_repeat,
    }
)
