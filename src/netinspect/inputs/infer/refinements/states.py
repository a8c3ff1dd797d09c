"""Refinements for recurrent layers: states, batches that are fixed by them, and time first."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace

_WRONG_STATE = re.compile(
    r"Expected hidden(?:\[\d\])? size \((?P<expected>[\d, ]{1,60})\), got \[(?P<got>[\d, ]{1,60})\]"
)
_LENGTHS = re.compile(
    r"len\(lengths\)` to be equal to batch_size, but got (?P<lengths>\d+) \(batch_size=(?P<batch>\d+)\)"
)


def state_size(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates whose state has the batch of the input, or the batch of a fixed state."""
    match = _WRONG_STATE.search(failed.failure.message)
    if match is None:
        return
    expected, got = _sizes(match["expected"]), _sizes(match["got"])
    if len(expected) != len(got):
        return
    where = failed.step.module if failed.step is not None else ""
    states = [name for name, guess in failed.candidate.items() if guess.spec.shape == got]
    if states:
        reason = f"{where or 'the layer'} expects a state of {'x'.join(map(str, expected))}"
        yield {
            name: replace(guess, spec=guess.spec.with_shape(expected), reason=reason)
            if name in states
            else guess
            for name, guess in failed.candidate.items()
        }
        return
    if len(got) < 2 or expected[0] != got[0] or expected[-1] != got[-1]:
        return
    reason = f"the state of {where or 'the model'} has a batch of {got[-2]}"
    for name in failed.culprits:
        guess = failed.candidate[name]
        for dimension, size in enumerate(guess.spec.shape[:2]):
            if size == expected[-2]:
                yield {**failed.candidate, name: guess.resized({dimension: got[-2]}, reason)}


def time_first(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with time before the batch, or with as many sequences as fixed lengths."""
    match = _LENGTHS.search(failed.failure.message)
    if match is None:
        return
    batch, lengths = int(match["batch"]), int(match["lengths"])
    for name in failed.culprits:
        guess = failed.candidate[name]
        if guess.spec.shape[:2] == (1, batch) and lengths == 1:
            yield {**failed.candidate, name: turned(guess)}
        for at, size in enumerate(guess.spec.shape[:2]):
            if size == batch and lengths > 1:
                reason = f"{lengths} sequences are packed"
                yield {**failed.candidate, name: guess.resized({at: lengths}, reason)}


def turned(guess: Guess) -> Guess:
    """Return a guess with its first two dimensions exchanged."""
    first, second, *rest = guess.spec.shape
    spec = guess.spec.with_shape((second, first, *rest))
    return replace(guess, spec=spec, reason=f"{guess.reason}; time is first", solved=())


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number.strip())
