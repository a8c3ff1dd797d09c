"""Explanations of shapes that do not broadcast."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given, Shape
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import (
    format_operand,
    format_shape,
    other_shape,
    unequal,
)

NAMES = (
    *("add", "radd", "sub", "rsub", "subtract", "mul", "rmul", "multiply", "div", "divide"),
    *("true_divide", "rdiv", "rtruediv", "truediv", "floor_divide", "floordiv", "rfloordiv", "fmod"),
    *("remainder", "mod", "rmod", "pow", "rpow", "float_power", "maximum", "minimum", "fmax", "fmin"),
    *("where", "lerp", "addcmul", "addcdiv", "masked_fill", "atan2", "arctan2", "hypot", "copysign"),
    *("eq", "ne", "lt", "le", "gt", "ge", "less", "greater", "less_equal", "greater_equal", "not_equal"),
    *("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("and", "or", "xor", "rand", "ror", "rxor", "logaddexp", "xlogy"),
    *("iadd", "isub", "imul", "itruediv", "isclose", "dist", "cosine_similarity"),
)


def aligned_dimensions(first: int, second: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs of dimensions that broadcasting aligns, the last pair first."""
    for offset in range(1, min(first, second) + 1):
        yield first - offset, second - offset


def mismatched_dimensions(
    one: Shape, other: Shape, broadcast: tuple[int, ...] = (1,)
) -> list[tuple[int, int]]:
    """Return the aligned dimensions in which two shapes differ, except for sizes that broadcast."""
    return [
        (at, position)
        for at, position in aligned_dimensions(len(one), len(other))
        if one[at] != other[position] and not {one[at], other[position]} & {*broadcast}
    ]


def explain_broadcasting(call: Call) -> Explanation | None:
    """Explain operands that do not broadcast, or an in-place result larger than its tensor."""
    operands = [each for each in call.given if len(each.key) == 1]
    for number, second in enumerate(operands):
        for first in operands[:number]:
            wrong = mismatched_dimensions(first.shape, second.shape)
            if wrong:
                return _explain_pair(call, first, second, wrong)
    if call.in_place and operands and call.name not in ("where",):
        return _explain_place(call, operands)
    return None


def _explain_pair(call: Call, first: Given, second: Given, wrong: list[tuple[int, int]]) -> Explanation:
    pairs = ", ".join(
        f"{first.shape[at]} and {second.shape[position]} in dimension "
        + (f"{at}" if at == position else f"{at} and {position}")
        for at, position in reversed(wrong)
    )
    makers = [
        f"{given.name} comes from {origin}"
        for given in (first, second)
        if (origin := call.producer_name(given))
    ]
    text = (
        f"{call.name} cannot broadcast {format_shape(first.shape)} and "
        f"{format_shape(second.shape)}: {pairs}; "
        f"aligned from the last dimension, sizes must be equal or 1"
    )
    if makers:
        text += f" ({', '.join(makers)})"
    return Explanation(
        text,
        [unequal(first, at, second, to) for at, to in wrong],
        list(_remedies(first, second, wrong)),
        size_helps=True,
    )


def _remedies(first: Given, second: Given, wrong: list[tuple[int, int]]) -> Iterator[str]:
    small, large = sorted((first, second), key=lambda each: each.rank)
    missing = large.rank - small.rank
    if missing and small.rank:
        # A vector with one value per row lacks the trailing dimensions.
        filled = (*small.shape, *[1] * missing)
        if not mismatched_dimensions(filled, large.shape):
            index = f"[..., {', '.join(['None'] * missing)}]"
            yield (
                f"to align {small.name} with the first dimensions, index it with {index}: "
                f"its shape becomes {format_shape(filled)}"
            )
            return
    if not missing and len(wrong) == 2:
        at, other = sorted(position for position, _ in wrong)
        transposed = list(second.shape)
        transposed[at], transposed[other] = transposed[other], transposed[at]
        if not mismatched_dimensions(tuple(transposed), first.shape):
            yield (
                f"transpose {second.name}: transpose({at}, {other}) "
                f"gives {format_shape(tuple(transposed))}"
            )
            return
    sizes = " and ".join(f"{first.shape[at]} or {second.shape[to]}" for at, to in reversed(wrong))
    yield f"make these sizes equal: {sizes}"


def _explain_place(call: Call, operands: list[Given]) -> Explanation | None:
    """Explain an in-place operation whose result is larger than its first argument."""
    place = operands[0]
    for other in operands[1:]:
        expanded = [
            at
            for at, position in aligned_dimensions(place.rank, other.rank)
            if place.shape[at] == 1 and other.shape[position] != 1
        ]
        if expanded or other.rank > place.rank:
            marks = (place.at(*expanded) if expanded else place.whole()) | other.at()
            return Explanation(
                f"{call.name}_ writes to {place.name} {format_shape(place.shape)} in place; "
                f"broadcasting with {format_shape(other.shape)} needs a larger tensor",
                [other_shape(place, other.shape, marks)],
                [f"use {call.name} without the underscore, which returns a new tensor"],
            )
    return None


def explain_expansion(call: Call) -> Explanation | None:
    """Explain an `expand` of a size other than 1, or to fewer dimensions."""
    given = call.tensor("0", "input", "self")
    if given is None:
        return None
    if call.name == "expand_as":
        other = call.tensor("1", "other")
        target: Shape | None = other.shape if other is not None else None
    else:
        target = call.sizes("size", 1)
    if target is None:
        return None
    if len(target) < given.rank:
        return Explanation(
            f"{call.name} needs at least as many dimensions as {format_shape(given.shape)}, "
            f"got {len(target)}",
            [Mismatch("rank", len(target), given.rank, given.whole())],
        )
    wrong = [
        (at, position)
        for at, position in aligned_dimensions(given.rank, len(target))
        if given.shape[at] not in (1, target[position]) and target[position] != -1
    ]
    if not wrong:
        return None
    pairs = ", ".join(
        f"dimension {at} is {given.shape[at]}, requested {target[position]}"
        for at, position in reversed(wrong)
    )
    return Explanation(
        f"{call.name} expands only dimensions of size 1: in {format_operand(call, given)} {pairs}",
        [Mismatch("size", target[to], given.shape[at], given.at(at)) for at, to in wrong],
        size_helps=True,
    )


FAMILY = Family(
    functions={
        **dict.fromkeys(NAMES, explain_broadcasting),
        **dict.fromkeys(("expand", "expand_as", "broadcast_to"), explain_expansion),
    }
)
