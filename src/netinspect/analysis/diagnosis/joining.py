"""Explanations of failures in `cat`, `stack` and `split`."""

from __future__ import annotations

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_operand, format_shape, integer_sizes, unequal

_ALONG = {"hstack": 1, "vstack": 0, "row_stack": 0}
_CAT = ("cat", "concat", "concatenate", *_ALONG)
NAMES = (*_CAT, "stack")


def explain_cat(call: Call) -> Explanation | None:
    """Explain which tensor differs from the first, and in which dimension."""
    tensors = call.tensors("0", "tensors")
    # Torch accepts empty vectors next to tensors of any shape.
    tensors = [each for each in tensors if each.shape != (0,)]
    dimension = _ALONG.get(call.name)
    if dimension is None:
        dimension = call.number("1", "dim", "axis", default=0)
    if dimension is None or len(tensors) < 2:
        return None
    first = tensors[0]
    if call.name in _ALONG and any(each.rank < 2 for each in tensors):
        return None
    if not -first.rank <= dimension < first.rank:
        return None
    dimension %= first.rank
    for number, other in enumerate(tensors[1:], start=2):
        if other.rank != first.rank:
            return _explain_rank(call, first, other, number)
        wrong = _differing(first, other, dimension)
        if wrong:
            return _explain_sizes(call, tensors, other, number, dimension, wrong)
    return None


def _differing(first: Given, other: Given, dimension: int) -> tuple[int, ...]:
    return tuple(
        at for at in range(first.rank) if at != dimension and first.shape[at] != other.shape[at]
    )


def _explain_rank(call: Call, first: Given, other: Given, number: int) -> Explanation:
    text = (
        f"{call.name} expects tensors with the same number of dimensions: {format_operand(call, first)} "
        f"has {first.rank}, but tensor {number}, {format_operand(call, other)}, has {other.rank}: "
        f"{format_shape(other.shape)}"
    )
    return Explanation(
        text,
        [
            Mismatch("rank", other.rank, first.rank, first.whole()),
            Mismatch("rank", first.rank, other.rank, other.whole()),
        ],
        ["unsqueeze or flatten one of the tensors"],
    )


def _explain_sizes(
    call: Call,
    tensors: list[Given],
    other: Given,
    number: int,
    dimension: int,
    wrong: tuple[int, ...],
) -> Explanation:
    first = tensors[0]
    pairs = ", ".join(
        f"{other.shape[at]} instead of {first.shape[at]} in dimension {at}" for at in wrong
    )
    text = (
        f"{call.name} along dimension {dimension} expects all other sizes to be equal: "
        f"tensor {number} of "
        f"{len(tensors)}, {format_operand(call, other).rstrip(',')}, has {pairs}"
    )
    remedies = []
    if len(wrong) == 1 and call.name not in _ALONG:
        at = wrong[0]
        if not any(_differing(first, each, at) for each in tensors if each.rank == first.rank):
            remedies.append(f"concatenate along dimension {at}: torch.{call.name}(..., {at})")
    remedies.append(f"make its size {_sizes_of(first, wrong)}, as in the first tensor")
    return Explanation(
        text, [unequal(first, at, other, at) for at in reversed(wrong)], remedies, size_helps=True
    )


def _sizes_of(given: Given, positions: tuple[int, ...]) -> str:
    return " and ".join(f"{given.shape[at]} in dimension {at}" for at in positions)


def explain_stack(call: Call) -> Explanation | None:
    """Explain stacked tensors whose shapes differ."""
    tensors = call.tensors("0", "tensors")
    if len(tensors) < 2:
        return None
    first = tensors[0]
    for number, other in enumerate(tensors[1:], start=2):
        if other.shape == first.shape:
            continue
        mismatches = [Mismatch("rank", first.rank, other.rank, other.whole())]
        remedies = []
        if other.rank == first.rank:
            wrong = _differing(first, other, -1)
            mismatches = [unequal(first, at, other, at) for at in reversed(wrong)]
            if len(wrong) == 1 and all(
                each.rank == first.rank and not _differing(first, each, wrong[0]) for each in tensors
            ):
                remedies.append(f"concatenate instead of stacking: torch.cat(..., {wrong[0]})")
        return Explanation(
            f"stack expects tensors of equal shape: tensor {number} of {len(tensors)}, "
            f"{format_operand(call, other).rstrip(',')}, is {format_shape(other.shape)}, "
            "but the first is "
            f"{format_shape(first.shape)}",
            mismatches,
            remedies,
            size_helps=True,
        )
    return None


def explain_split(call: Call) -> Explanation | None:
    """Explain split sizes that do not add up to the size of the dimension."""
    given = call.tensor("0", "tensor", "self")
    pieces = call.literal("1", "split_size", "split_size_or_sections", "split_sizes")
    dimension = call.number("2", "dim", default=0)
    if given is None or dimension is None or not isinstance(pieces, (list, tuple)):
        return None
    if not -given.rank <= dimension < given.rank or not all(type(piece) is int for piece in pieces):
        return None
    dimension %= given.rank
    sizes = integer_sizes(given.shape)
    if sizes is None or sum(pieces) == sizes[dimension]:
        return None
    return Explanation(
        f"the split sizes {' + '.join(map(str, pieces))} = {sum(pieces)} must add up to "
        f"{sizes[dimension]}, "
        f"the size of dimension {dimension}",
        [Mismatch("size", sum(pieces), sizes[dimension], given.at(dimension))],
        [f"use split sizes that add up to {sizes[dimension]}"],
        size_helps=True,
    )


FAMILY = Family(
    functions={
        **dict.fromkeys(_CAT, explain_cat),
        "stack": explain_stack,
        **dict.fromkeys(("split", "split_with_sizes"), explain_split),
    }
)
