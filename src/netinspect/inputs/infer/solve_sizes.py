"""Solving for input sizes: a search for the dimension and the size that make a failed step pass.

A failed step reports two sizes that should be equal. The solver changes one dimension at a time of the
arguments that reach the step and runs forward again. When a dimension changes one of the two sizes, it
searches that dimension for the value at which both are equal. The operations in between may be anything,
as long as a larger input gives a larger size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.model_facts import TOKENS
from netinspect.records.dataflow import sources_of

_LARGEST_SIDE = 4096
_LONGEST = 1 << 20
_ITERATIONS = 18
_ROUND = (256, 512, 128, 64, 320, 384, 96, 32, 192, 288, 448, 640)
"""Sides that can be halved often, for networks that join maps of several scales."""
_ROUND_VOLUMES = (64, 96, 128, 32, 48, 80)
_HALVED = "a side that can be halved often, for {}"
_HEIGHTS = (32, 64, 40, 80, 128, 48, 50, 96, 16, 100)


class _Sizes(NamedTuple):
    """Two sizes that should be equal."""

    got: int
    expected: int
    requirement: str


class _Outcome(NamedTuple):
    """Outcome of one attempt at the step that failed before."""

    state: str
    """`past` if the step passed, `lost` if it was not reached, otherwise `here`."""

    sizes: _Sizes | None = None


def solve_sizes(runner: AttemptRunner, failed: AttemptResult) -> Candidate | None:
    """Find sizes with which forward gets past the step that failed.

    Args:
        runner: Runs the candidates.
        failed: The failed attempt.

    Returns:
        A candidate, or None if neither a single dimension nor the sides of an image can be solved for.
    """
    step, sizes = failed.step, _unequal_sizes(failed.mismatches)
    if step is None or failed.is_fault_of_model:
        return None
    where, kinds = step.module or step.name, {each.kind for each in failed.mismatches}
    sources = sources_of(step.input_origins, failed.forward.steps)
    names = [name for name in sources if name in failed.candidate]
    names = [name for name in names or failed.candidate if name not in runner.frozen]
    for name in names:
        shape = failed.candidate[name].spec.shape
        for dimensions in dict.fromkeys((*_indexed(failed.mismatches, shape), *_groups(shape))):
            if sizes is not None:
                found = _solve_for(runner, failed, sizes, name, dimensions)
            else:
                values: Iterable[int] = ()
                reason = ""
                if "multiple" in kinds and len(dimensions) >= 2:
                    # A map is split into windows, of which there must be a whole number.
                    values, reason = _round_sides(dimensions), _HALVED.format(where)
                elif "larger" in kinds:
                    size = failed.candidate[name].spec.shape[dimensions[0]]
                    values, reason = _larger(size), f"the smallest size tried that reaches {where}"
                found = _first_past(runner, failed, name, dimensions, values, reason)
            if found is not None:
                return found
    return None


def _indexed(mismatches: Sequence[Mismatch], shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the dimension that is too small for an index, where the argument has it too."""
    for each in mismatches:
        dimensions = next(iter(each.marks.values()), ())
        is_unknown = each.kind == "larger" and each.expected is None and len(dimensions) == 1
        if is_unknown and shape[dimensions[0] : dimensions[0] + 1] == (each.got,):
            yield dimensions


def _groups(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield dimensions to change together: the sides of a volume or image, then each from the last."""
    if len(shape) >= 5 and len(set(shape[-3:])) == 1:
        yield tuple(range(len(shape) - 3, len(shape)))
    spatial = tuple(range(max(len(shape) - 2, 1), len(shape)))
    if len(shape) >= 3 and len(spatial) == 2 and shape[-1] == shape[-2] != TOKENS:
        yield spatial
    for index in reversed(range(len(shape))):
        if index > 0 or len(shape) == 1:
            yield (index,)


def _round_sides(dimensions: tuple[int, ...]) -> tuple[int, ...]:
    return _ROUND if len(dimensions) < 3 else _ROUND_VOLUMES


def _solve_for(
    runner: AttemptRunner,
    failed: AttemptResult,
    sizes: _Sizes,
    name: str,
    dimensions: tuple[int, ...],
) -> Candidate | None:
    shape = failed.candidate[name].spec.shape
    size = shape[dimensions[0]]
    largest = _LONGEST if len(shape) < 4 and len(dimensions) == 1 else _LARGEST_SIDE
    reason = f"solved from {sizes.requirement}"

    def candidate_of(value: int) -> Candidate:
        return _with_size(failed.candidate, name, dimensions, value, reason)

    def run(value: int) -> _Outcome:
        why = f"{name} with {value} in dimension {dimensions[0]}: {sizes.requirement}"
        return _outcome(runner.run(candidate_of(value), why), failed)

    moved: tuple[int, _Sizes] | None = None
    for other in (size * 2, size // 2):
        if 0 < other <= largest and other != size:
            outcome = run(other)
            if outcome.state == "past":
                return candidate_of(other)
            if outcome.sizes is not None:
                moved = other, outcome.sizes
                break
    if moved is None:
        return None
    other, now = moved
    one_moves, other_moves = now.got != sizes.got, now.expected != sizes.expected
    if one_moves and other_moves:
        reason = _HALVED.format(sizes.requirement)
        return _first_past(runner, failed, name, dimensions, _round_sides(dimensions), reason)
    if not one_moves and not other_moves:
        return None

    def got(outcome: _Outcome) -> int | None:
        if outcome.sizes is None:
            return None
        return outcome.sizes.got if one_moves else outcome.sizes.expected

    wanted = sizes.expected if one_moves else sizes.got
    start = sizes.got if one_moves else sizes.expected
    moved_to = now.got if one_moves else now.expected
    value = _search(run, got, wanted, (size, start), (other, moved_to), largest)
    if value is not None:
        return candidate_of(value)
    return _oblong(runner, failed, sizes, name, dimensions) if len(dimensions) == 2 else None


def _search(
    run: Callable[[int], _Outcome],
    got: Callable[[_Outcome], int | None],
    wanted: int,
    first: tuple[int, int],
    second: tuple[int, int],
    largest: int,
) -> int | None:
    """Find the value with which forward gets past the step.

    Args:
        run: Runs forward with a value.
        got: Returns the size that the step got, if it was reached.
        wanted: Size that the step should get.
        first: A value, and the size that the step got with it.
        second: Another value and size.
        largest: Largest value to try.
    """
    below = max((value for value, size in (first, second) if size < wanted), default=0)
    above = min((value for value, size in (first, second) if size > wanted), default=largest + 1)
    value = _extrapolate(wanted, first, second)
    for _ in range(_ITERATIONS):
        if not below < value < above:
            value = (below + above) // 2
        if value in (below, above) or value <= 0:
            return None
        outcome = run(value)
        if outcome.state == "past":
            return value
        size = got(outcome)
        if size is None or size < wanted:  # too small an input does not reach the step
            below = value
        else:
            above = value
        value = (below + above) // 2 if above <= largest else below * 2
    return None


def _extrapolate(wanted: int, first: tuple[int, int], second: tuple[int, int]) -> int:
    """Return the value for a size by the power law through two points; 0 if there is no such law."""
    if min(*first, *second, wanted) <= 0 or first[1] == second[1]:
        return 0
    power = math.log(second[1] / first[1]) / math.log(second[0] / first[0])
    return round(first[0] * (wanted / first[1]) ** (1 / power)) if power > 0.1 else 0


def _oblong(
    runner: AttemptRunner,
    failed: AttemptResult,
    sizes: _Sizes,
    name: str,
    dimensions: tuple[int, ...],
) -> Candidate | None:
    """Try usual heights, each with the width that follows from it, if no square passes."""
    height, width = dimensions
    reason = f"solved from {sizes.requirement}"
    start = failed.candidate[name].spec.shape[width]
    for side in _HEIGHTS:
        higher = _with_size(failed.candidate, name, (height,), side, reason)
        outcome = _outcome(runner.run(higher, f"{name} with a height of {side}"), failed)
        if outcome.state == "past":
            return higher
        if outcome.sizes is None or outcome.sizes.expected != sizes.expected:
            continue
        for value in {start * sizes.expected // max(outcome.sizes.got, 1)} - {0}:
            candidate = _with_size(higher, name, (width,), value, reason)
            if _outcome(runner.run(candidate, f"{name} of {side} x {value}"), failed).state == "past":
                return candidate
    return None


def _first_past(
    runner: AttemptRunner,
    failed: AttemptResult,
    name: str,
    dimensions: tuple[int, ...],
    values: Iterable[int],
    reason: str,
) -> Candidate | None:
    """Return the candidate with the first of some sizes that gets past the failed step."""
    for value in values:
        candidate = _with_size(failed.candidate, name, dimensions, value, reason)
        outcome = _outcome(runner.run(candidate, f"{name} with a size of {value}: {reason}"), failed)
        if outcome.state == "past":
            return candidate
    return None


def _larger(size: int) -> Iterator[int]:
    """Yield larger sizes; an image side has a limit."""
    yield from (size * factor for factor in (2, 4, 8) if size * factor <= _LARGEST_SIDE or size < 2)


def _with_size(
    candidate: Candidate, name: str, dimensions: tuple[int, ...], value: int, reason: str
) -> Candidate:
    return {**candidate, name: candidate[name].resized(dict.fromkeys(dimensions, value), reason)}


def _outcome(result: AttemptResult, failed: AttemptResult) -> _Outcome:
    """Return the outcome of an attempt at the step where another one failed."""
    if result.failure is None or result.progress > failed.progress:
        return _Outcome("past")
    if result.step is None or result.progress < failed.progress:
        return _Outcome("lost")
    return _Outcome("here", _unequal_sizes(result.mismatches))


def _unequal_sizes(mismatches: Sequence[Mismatch]) -> _Sizes | None:
    """Return the first sizes that are known and not equal."""
    for each in mismatches:
        if each.kind == "size" and isinstance(each.got, int) and isinstance(each.expected, int):
            return _Sizes(each.got, each.expected, each.requirement)
    return None
