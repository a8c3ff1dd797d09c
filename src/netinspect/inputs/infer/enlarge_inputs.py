"""Larger sizes for inputs that pass, but with which a part of the model is degenerate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.degenerate import Degenerate, degenerate_steps, downsampling
from netinspect.inputs.infer.model_facts import TOKENS
from netinspect.inputs.infer.usual_sizes import SECOND
from netinspect.records.base import replace

_SIDES = (32, 64, 128, 224)
_VOLUMES = (32, 64, 96)
_LENGTHS = (256, 1024, 4096)
_MOST = 3
"""Larger inputs to try."""

_SHORT = 512
"""Most samples of a signal that is tried at a usual length."""

_STRIDE = 16
"""Least total stride of the first layers of a network for raw audio."""

_EXACT = "solved from "
"""Start of the reason of a size that a layer allows no other for."""


def enlarge_inputs(
    runner: AttemptRunner, result: AttemptResult, settled: frozenset[str]
) -> AttemptResult:
    """Return a result with larger inputs if a part is degenerate and they pass, else the given one.

    Args:
        runner: Runs the candidates.
        result: Attempt that passed.
        settled: Arguments that the user passed or that a library knows; they are not changed.
    """
    result = _with_usual_length(runner, result, settled)
    degenerate = degenerate_steps(result.forward.steps)
    if not degenerate:
        return result
    # Several steps of a kind depend on the same inputs.
    for found in {(each.kind, each.sources): each for each in reversed(degenerate)}.values():
        for candidate in islice(_larger(result.candidate, found, settled), _MOST):
            other = runner.run(candidate, f"larger: {found.text}")
            if other.failure is None and _is_less(other, degenerate):
                return other
    return result


def _is_less(other: AttemptResult, before: list[Degenerate]) -> bool:
    return len(degenerate_steps(other.forward.steps)) < len(before)


def _may_grow(guess: Guess, dimensions: tuple[int, ...]) -> bool:
    """Return whether no layer or setting determines some sizes."""
    is_solved = guess.reason.startswith(_EXACT) and not set(dimensions).isdisjoint(guess.solved)
    return guess.spec.literal is None and not guess.configured and not is_solved


def _larger(candidate: Candidate, found: Degenerate, settled: frozenset[str]) -> Iterator[Candidate]:
    """Yield candidates with larger inputs, the smallest first."""
    names = [name for name in found.sources if name in candidate and name not in settled]
    reason = f"larger, as with a smaller one {found.text}"
    if found.kind == "map":
        for name in names:
            yield from _larger_sides(candidate, name, reason)
    elif found.kind == "sequence":
        for name in names:
            yield from _longer(candidate, name, reason)
    else:
        yield from _more_nodes(candidate, names, reason)


def _larger_sides(candidate: Candidate, name: str, reason: str) -> Iterator[Candidate]:
    guess = candidate[name]
    shape = guess.spec.shape
    if not guess.spec.is_floating or len(shape) < 3:
        return
    dimensions = tuple(range(2, len(shape)))
    if not _may_grow(guess, dimensions):
        return
    for side in {3: _LENGTHS, 4: _SIDES, 5: _VOLUMES}.get(len(shape), ()):
        if side > max(shape[2:]):
            larger = replace(
                guess.resized(dict.fromkeys(dimensions, side), f"{guess.reason}; {reason}"),
                solved=guess.solved,
            )
            others = _with_equal_sides(candidate, name, side)
            yield {**candidate, **others, name: larger}


def _with_equal_sides(candidate: Candidate, name: str, side: int) -> Candidate:
    """Return the other inputs that have the same sides, resized with them."""
    shape = candidate[name].spec.shape
    return {
        other: replace(
            guess, spec=guess.spec.with_shape((*guess.spec.shape[:2], *[side] * (len(shape) - 2)))
        )
        for other, guess in candidate.items()
        if len(shape) > 3 and other != name and guess.spec.shape[2:] == shape[2:]
    }


def _longer(candidate: Candidate, name: str, reason: str) -> Iterator[Candidate]:
    guess = candidate[name]
    shape = guess.spec.shape
    last = len(shape) if not guess.spec.is_floating else len(shape) - 1
    for dimension in range(1, last):
        if shape[dimension] == 1 and _may_grow(guess, (dimension,)):
            yield {
                **candidate,
                name: guess.resized({dimension: TOKENS}, f"{guess.reason}; {reason}"),
            }


def _more_nodes(candidate: Candidate, names: list[str], reason: str) -> Iterator[Candidate]:
    """Yield a candidate in which all inputs with one row have several."""
    single = [name for name in names if candidate[name].spec.shape[:1] == (1,)]
    if single and all(_may_grow(candidate[name], (0,)) for name in single):
        yield {
            name: guess.resized({0: TOKENS}, f"{guess.reason}; {reason}") if name in single else guess
            for name, guess in candidate.items()
        }


def _with_usual_length(
    runner: AttemptRunner, result: AttemptResult, settled: frozenset[str]
) -> AttemptResult:
    """Return a result in which raw audio is a second long, if a search ended at a few samples."""
    for name, guess in result.candidate.items():
        shape = guess.spec.shape
        if name in settled or not guess.spec.is_floating or not 2 <= len(shape) <= 3:
            continue
        last = len(shape) - 1
        if shape[last] > _SHORT or not _may_grow(guess, (last,)):
            continue
        strides = list(downsampling(result.forward.steps, name))
        if not strides or strides[0][0] > 2:
            continue
        is_audio = meaning_of(name) is Meaning.AUDIO or max(each[1] for each in strides) >= _STRIDE
        if is_audio:
            reason = f"{guess.reason}; {SECOND:,} samples, a second of speech"
            longer = replace(guess.resized({last: SECOND}, reason), solved=guess.solved)
            other = runner.run({**result.candidate, name: longer}, f"{name} with a usual length")
            if other.failure is None:
                return other
    return result
