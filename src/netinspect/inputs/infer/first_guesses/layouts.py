"""Shapes of an argument from the shape that a layer expects after changes of its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netinspect.inputs.infer.forward_code.values import Change
from netinspect.inputs.infer.model_facts import TOKENS

_MOST_RANK = 6


@dataclass(frozen=True, slots=True)
class Expected:
    """The shape that a layer expects."""

    shape: tuple[int, ...]
    any_rank: bool
    """Whether the layer accepts any number of dimensions before the last one."""

    def with_rank(self, rank: int) -> Expected | None:
        """Return the same sizes with at least a number of dimensions; None if the layer has fewer."""
        missing = rank - len(self.shape)
        if missing <= 0:
            return self
        if not self.any_rank or rank > _MOST_RANK:
            return None
        return Expected((*self.shape[:1], *[TOKENS] * missing, *self.shape[1:]), any_rank=True)


def before_changes(
    expected: Expected, changes: Sequence[Change], positions: int | None = None
) -> tuple[int, ...] | None:
    """Return the shape of the argument itself; None if the changes contradict what the layer expects.

    Args:
        expected: What the layer expects.
        changes: What happens to the argument before, in order.
        positions: Number of positions that are selected one by one; None if that is unknown.
    """
    current: Expected | None = expected
    for change in reversed(changes):
        if current is None:
            return None
        current = _before(current, change, positions)
    return None if current is None or len(current.shape) > _MOST_RANK else current.shape


def _before(expected: Expected, change: Change, positions: int | None) -> Expected | None:
    numbers = [number for number in change.numbers if number is not None]
    match change.kind:
        case "permute":
            found = expected.with_rank(len(numbers))
            if found is None or sorted(each % len(numbers) for each in numbers) != [
                *range(len(numbers))
            ]:
                return None
            order = {source % len(numbers): place for place, source in enumerate(numbers)}
            return _like(expected, [found.shape[order[index]] for index in range(len(numbers))])
        case "transpose":
            found = expected.with_rank(_least_rank(numbers))
            if found is None:
                return None
            shape, (one, other) = [*found.shape], numbers
            shape[one], shape[other] = shape[other], shape[one]
            return _like(expected, shape)
        case "flatten":
            return _unflattened(expected, numbers[0])
        case "unsqueeze":
            return _without(expected, numbers[0])
        case "squeeze":
            return _with(expected, numbers[0], 1)
        case "reduce":
            for number in sorted(numbers):
                widened = _with(expected, number, TOKENS)
                if widened is None:
                    return None
                expected = widened
            return expected
        case "select":
            dimension, index = change.numbers
            if dimension is None:
                return None
            size = positions or (index + 1 if index is not None and index > 0 else TOKENS)
            return _with(expected, dimension, 1 if dimension == 0 and not positions else size)
        case "slice":
            return _unsliced(expected, change)
        case "split":
            found = expected.with_rank(_least_rank(numbers[:1]))
            if found is None:
                return None
            shape = [*found.shape]
            shape[numbers[0]] *= numbers[1]
            return _like(expected, shape)
    return None


def _unsliced(expected: Expected, change: Change) -> Expected | None:
    """Return the shape before a slice: at least as long as its end."""
    dimension, low, high = change.numbers
    found = expected.with_rank(_least_rank([dimension or 0]))
    if found is None or dimension is None:
        return expected
    shape = [*found.shape]
    if low is not None and low > 0 and (high is None or high > low):
        shape[dimension] += low
    elif high is not None and high < 0:
        shape[dimension] -= high
    return _like(expected, shape)


def _unflattened(expected: Expected, start: int) -> Expected | None:
    """Return the shape before the sides of a map were flattened, from the dimension of the first one."""
    found = expected.with_rank(start + 1)
    if found is None or len(found.shape) != start + 1:
        return None
    return Expected((*found.shape[:start], TOKENS, TOKENS), any_rank=False)


def _least_rank(dimensions: Sequence[int]) -> int:
    return max(each + 1 if each >= 0 else -each for each in dimensions)


def _like(expected: Expected, shape: Sequence[int]) -> Expected:
    return Expected(tuple(shape), expected.any_rank)


def _without(expected: Expected, dimension: int) -> Expected | None:
    """Return the shape without a dimension that was inserted; it has one element."""
    found = expected.with_rank(_least_rank([dimension]))
    if found is None:
        return None
    shape = [*found.shape]
    size = shape.pop(dimension)
    # A dimension that may have any size can have a size of one.
    is_free = expected.any_rank and dimension not in (-1, len(shape))
    return _like(expected, shape) if size == 1 or is_free else None


def _with(expected: Expected, dimension: int, size: int) -> Expected | None:
    """Return the shape with one more dimension."""
    rank = dimension if dimension >= 0 else -dimension - 1
    found = expected.with_rank(rank)
    if found is None:
        return None
    place = dimension if dimension >= 0 else len(found.shape) + 1 + dimension
    return _like(expected, [*found.shape[:place], size, *found.shape[place:]])
