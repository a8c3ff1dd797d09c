"""Sizes found by solving: which dimension of which argument moves what a layer got, and how far.

A failed step tells two sizes that should have been equal. One dimension after the other of the arguments
behind it is changed, and the step is looked at again; the one that moves a size is then searched for the
value that makes both equal. What lies in between may be anything, as long as more in makes more out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from netinspect.analysis.diagnosis.size_mismatch import Mismatch, find_mismatch
from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.model_facts import TOKENS
from netinspect.records.dataflow import sources_of

_LARGEST_SIDE = 4096
_LONGEST = 1 << 20
_ITERATIONS = 18
_ROUND = (256, 512, 128, 64, 320, 384, 96, 32, 192, 288, 448, 640)
"""Sides that can be halved often, for networks that join maps of several scales."""
_HEIGHTS = (32, 64, 40, 80, 128, 48, 50, 96, 16, 100)

_COLLAPSES = (
    "larger than", "greater than actual input", "too small", "must be greater", "non-zero size",
    "should be greater than zero", "Output size", "non-empty", "smaller than", "at least",
    "non-negative", "at most", "Padding size",
)  # fmt: skip


class _Reading(NamedTuple):
    """What one trial tells of the step that is to be mended."""

    state: str
    """`past` where the step passed, `lost` where it was not reached, else `here`."""

    mismatch: Mismatch | None = None


def solve_sizes(
    trials: AttemptRunner, failed: AttemptResult, frozen: frozenset[str]
) -> Candidate | None:
    """Find sizes that bring a failed trial past the step that failed.

    Args:
        trials: Runs the candidates.
        failed: The trial.
        frozen: Arguments that the user gave.

    Returns:
        None where no single dimension, and no side of an image, does it.
    """
    step, failure = failed.step, failed.failure
    if step is None or failure is None:
        return None
    names = [name for name in sources_of(step, failed.forward.steps) if name in failed.candidate]
    names = [name for name in names or failed.candidate if name not in frozen]
    mismatch = find_mismatch(step, failure)
    for name in names:
        for dimensions in _groups(failed.candidate[name].spec.shape):
            if mismatch is not None:
                found = _solve_for(trials, failed, mismatch, name, dimensions)
            elif "is invalid for input of size" in failure.message and len(dimensions) == 2:
                # A map that is cut into windows, of which there must be a whole number.
                found = _first_round(trials, failed, step.module or step.name, name, dimensions)
            elif any(text in failure.message for text in _COLLAPSES):
                found = _grown(trials, failed, step.module or step.name, name, dimensions)
            else:
                found = None
            if found is not None:
                return found
    return None


def _groups(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Dimensions that change together: the sides of an image, then each alone, the last one first."""
    spatial = tuple(range(max(len(shape) - 2, 1), len(shape)))
    if len(shape) >= 3 and len(spatial) == 2 and shape[-1] == shape[-2] != TOKENS:
        yield spatial
    for index in reversed(range(len(shape))):
        if index > 0 or len(shape) == 1:
            yield (index,)


def _solve_for(
    trials: AttemptRunner,
    failed: AttemptResult,
    mismatch: Mismatch,
    name: str,
    dimensions: tuple[int, ...],
) -> Candidate | None:
    shape = failed.candidate[name].spec.shape
    size = shape[dimensions[0]]
    largest = _LONGEST if len(shape) < 4 and len(dimensions) == 1 else _LARGEST_SIDE
    reason = f"solved from {mismatch.text}"

    def candidate_of(value: int) -> Candidate:
        return _with_size(failed.candidate, name, dimensions, value, reason)

    def read(value: int) -> _Reading:
        why = f"{name} with {value} in dimension {dimensions[0]}: {mismatch.text}"
        return _reading(trials.run(candidate_of(value), why), failed)

    moved: tuple[int, Mismatch] | None = None
    for other in (size * 2, size // 2):
        if 0 < other <= largest and other != size:
            reading = read(other)
            if reading.state == "past":
                return candidate_of(other)
            if reading.mismatch is not None:
                moved = other, reading.mismatch
                break
    if moved is None:
        return None
    other, now = moved
    one_moves, other_moves = now.one != mismatch.one, now.other != mismatch.other
    if one_moves and other_moves:
        return _first_round(trials, failed, mismatch.text, name, dimensions)
    if not one_moves and not other_moves:
        return None

    def got(reading: _Reading) -> int | None:
        if reading.mismatch is None:
            return None
        return reading.mismatch.one if one_moves else reading.mismatch.other

    wanted = mismatch.other if one_moves else mismatch.one
    start = mismatch.one if one_moves else mismatch.other
    moved_to = now.one if one_moves else now.other
    value = _search(read, got, wanted, (size, start), (other, moved_to), largest)
    if value is not None:
        return candidate_of(value)
    return _oblong(trials, failed, mismatch, name, dimensions) if len(dimensions) == 2 else None


def _search(
    read: Callable[[int], _Reading],
    got: Callable[[_Reading], int | None],
    wanted: int,
    first: tuple[int, int],
    second: tuple[int, int],
    largest: int,
) -> int | None:
    """Find the value whose reading is past the step.

    Args:
        read: Runs a trial with a value.
        got: The size that a trial gave the step.
        wanted: The size that it should get.
        first: A value, and what the step got for it.
        second: Another.
        largest: Where to end.
    """
    below = max((value for value, size in (first, second) if size < wanted), default=0)
    above = min((value for value, size in (first, second) if size > wanted), default=largest + 1)
    value = _extrapolate(wanted, first, second)
    for _ in range(_ITERATIONS):
        if not below < value < above:
            value = (below + above) // 2
        if value in (below, above) or value <= 0:
            return None
        reading = read(value)
        if reading.state == "past":
            return value
        size = got(reading)
        if size is None or size < wanted:  # nothing comes of too small an input
            below = value
        else:
            above = value
        value = (below + above) // 2 if above <= largest else below * 2
    return None


def _extrapolate(wanted: int, first: tuple[int, int], second: tuple[int, int]) -> int:
    """Follow the power law through two points; 0 where there is none."""
    if min(*first, *second, wanted) <= 0 or first[1] == second[1]:
        return 0
    power = math.log(second[1] / first[1]) / math.log(second[0] / first[0])
    return round(first[0] * (wanted / first[1]) ** (1 / power)) if power > 0.1 else 0


def _oblong(
    trials: AttemptRunner,
    failed: AttemptResult,
    mismatch: Mismatch,
    name: str,
    dimensions: tuple[int, ...],
) -> Candidate | None:
    """No square does it: take a usual height, and the width that follows from it."""
    height, width = dimensions
    reason = f"solved from {mismatch.text}"
    start = failed.candidate[name].spec.shape[width]
    for side in _HEIGHTS:
        higher = _with_size(failed.candidate, name, (height,), side, reason)
        reading = _reading(trials.run(higher, f"{name} with a height of {side}"), failed)
        if reading.state == "past":
            return higher
        if reading.mismatch is None or reading.mismatch.other != mismatch.other:
            continue
        for value in {start * mismatch.other // max(reading.mismatch.one, 1)} - {0}:
            candidate = _with_size(higher, name, (width,), value, reason)
            if _reading(trials.run(candidate, f"{name} of {side} x {value}"), failed).state == "past":
                return candidate
    return None


def _first_round(
    trials: AttemptRunner, failed: AttemptResult, where: str, name: str, dimensions: tuple[int, ...]
) -> Candidate | None:
    for value in _ROUND:
        candidate = _with_size(
            failed.candidate, name, dimensions, value, f"a side that can be halved often, for {where}"
        )
        reading = _reading(trials.run(candidate, f"{name} with a round {value}"), failed)
        if reading.state == "past":
            return candidate
    return None


def _grown(
    trials: AttemptRunner, failed: AttemptResult, where: str, name: str, dimensions: tuple[int, ...]
) -> Candidate | None:
    size = failed.candidate[name].spec.shape[dimensions[0]]
    for factor in (2, 4, 8):
        if size * factor > _LARGEST_SIDE and size >= 2:
            break
        candidate = _with_size(
            failed.candidate, name, dimensions, size * factor, f"the smallest tried that reaches {where}"
        )
        reading = _reading(trials.run(candidate, f"{name} larger: nothing was left at {where}"), failed)
        if reading.state == "past":
            return candidate
    return None


def _with_size(
    candidate: Candidate, name: str, dimensions: tuple[int, ...], value: int, reason: str
) -> Candidate:
    return {**candidate, name: candidate[name].resized(dict.fromkeys(dimensions, value), reason)}


def _reading(trial: AttemptResult, failed: AttemptResult) -> _Reading:
    """Look at the step where another trial failed."""
    if trial.failure is None or trial.progress > failed.progress:
        return _Reading("past")
    if trial.step is None or trial.progress < failed.progress:
        return _Reading("lost")
    return _Reading("here", find_mismatch(trial.step, trial.failure))
