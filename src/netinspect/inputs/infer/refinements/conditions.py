"""Refinements of sizes that a condition in the user's code requires of certain dimensions."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace

_LARGEST = 1 << 24


def required_sizes(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield the candidate with all sizes that the failed condition requires of arguments."""
    candidate = dict(failed.candidate)
    for each in failed.result.mismatches:
        guess = candidate.get(each.argument)
        if guess is None or type(each.expected) is not int or each.kind not in ("size", "multiple"):
            continue
        (dimension,) = next(iter(each.marks.values()))
        if dimension >= len(guess.spec.shape):
            continue
        size = guess.spec.shape[dimension]
        wanted = -(-size // each.expected) * each.expected if each.kind == "multiple" else each.expected
        if 0 < wanted <= _LARGEST:
            shape = (*guess.spec.shape[:dimension], wanted, *guess.spec.shape[dimension + 1 :])
            if guess.spec.shape == (1,) and not guess.spec.is_floating:
                shape = (1, wanted)  # one id of each example becomes several
            spec = guess.spec.with_shape(shape)
            candidate[each.argument] = replace(guess, spec=spec, reason=f"needs {each.requirement}")
    if candidate != failed.candidate:
        yield candidate
