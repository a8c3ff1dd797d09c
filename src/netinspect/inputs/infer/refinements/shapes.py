"""Refinements of sizes that occur in the candidate."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.docstrings import parse_shape_in_words
from netinspect.inputs.infer.refinements.failed_attempt import FROM_MESSAGE, FailedAttempt
from netinspect.records.steps import Failure


def described_shape(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with the shape that an error message describes, or with the length last."""
    candidate, culprits = failed.candidate, failed.culprits
    failure, facts = failed.failure, failed.facts
    shape = parse_shape_in_words(failure.message, facts)
    for name in culprits:
        guess = candidate[name]
        sizes = guess.spec.shape
        if shape is not None and len(shape) != len(sizes):
            yield failed.with_spec(name, guess.spec.with_shape(shape), FROM_MESSAGE)
        is_spectrum = len(sizes) == 3 and meaning_of(name) is Meaning.SPECTRUM
        if is_spectrum and _names(failure, sizes[-1]):
            turned = guess.spec.with_shape((*sizes[:-2], sizes[-1], sizes[-2]))
            yield failed.with_spec(name, turned, f"{guess.reason}; frames come last")


def _names(failure: Failure, size: int) -> bool:
    return re.search(rf"\b{size}\b", failure.message) is not None


def another_size(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates in which dimensions of a rejected size have the expected one.

    A size of an operand must be unambiguous; otherwise `solve_sizes` finds the dimension.
    """
    candidate = failed.candidate
    expected = failed.expected("size")
    for each in expected:
        equal = [
            size for name in each.sources for size in candidate[name].spec.shape if size == each.got
        ]
        if not isinstance(each.expected, int) or (each.marks and len(equal) > 1):
            continue
        reason = f"solved from {each.requirement}" if each.marks else FROM_MESSAGE
        for name in each.sources:
            guess = candidate[name]
            indices = [index for index, size in enumerate(guess.spec.shape) if size == each.got]
            for group in ([indices] if len(indices) > 1 else []) + [[index] for index in indices]:
                yield {**candidate, name: guess.resized(dict.fromkeys(group, each.expected), reason)}


def least_size(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates in which the dimension that code indexes has the index that it reads."""
    for each in failed.expected("larger"):
        dimensions = next(iter(each.marks.values()), ())
        if len(dimensions) != 1 or not isinstance(each.expected, int):
            continue
        for name in each.sources:
            guess = failed.candidate[name]
            if guess.spec.shape[dimensions[0] : dimensions[0] + 1] == (each.got,):
                reason = f"the code reads index {each.expected - 1} of this dimension"
                yield {
                    **failed.candidate,
                    name: guess.resized({dimensions[0]: each.expected}, reason),
                }


def multiples(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates in which one size is rounded up to a multiple that is expected of it."""
    candidate, failure = failed.candidate, failed.failure
    expected = failed.expected("multiple")
    for name in expected[0].sources if expected else ():
        guess, wanted = candidate[name], expected[0]
        sizes = guess.spec.shape
        named = [size for size in sizes if _names(failure, size)]
        for index, size in reversed([*enumerate(sizes)]):
            # The elements of which a multiple is expected grow with each size.
            elements = wanted.got if isinstance(wanted.got, int) else size
            unit = int(wanted.expected or 1)
            unit //= math.gcd(unit, elements // max(size, 1))
            # A larger batch does not change the other sizes.
            if size % unit and (size in named or not named) and (index or len(sizes) < 3):
                yield {**candidate, name: guess.resized({index: -(-size // unit) * unit}, FROM_MESSAGE)}
