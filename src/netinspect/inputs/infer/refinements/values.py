"""Refinements of values: ranges of indices, dtypes and placeholder tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace


def within_range(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with valid indices, or with floats from 0 to 1 that are converted to indices."""
    candidate = failed.candidate
    ranges = failed.expected("range")
    for name in ranges[0].sources if ranges else ():
        guess = candidate[name]
        if guess.spec.is_floating:
            if guess.spec.low is None:
                reason = f"{guess.reason}; some values are indices"
                yield failed.with_spec(name, guess.spec.with_range(0, 1), reason)
        elif guess.spec.dtype == "int64" and isinstance(ranges[0].expected, str):
            low, high = map(int, ranges[0].expected.split(".."))
            if guess.spec.high is not None and guess.spec.high <= high and high > 1:
                # All of its values are valid indices: the code adds an offset to them.
                reason = f"{guess.reason}; small values, from which forward computes indices"
                yield failed.with_spec(name, guess.spec.with_range(0, 1), reason)
                continue
            yield failed.with_spec(name, guess.spec.with_range(low, high), ranges[0].requirement)


_DTYPE_REASONS = {
    "bool": "a boolean mask is expected",
    "int64": "indices are expected",
    "float32": "floats are expected",
    "complex64": "complex numbers are expected",
}


def another_dtype(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with an argument of another dtype."""
    candidate = failed.candidate
    expected = failed.expected("dtype")
    for each in expected:
        dtype = "float32" if "float" in str(each.expected) else str(each.expected)
        for name in reversed(each.sources) if dtype == "bool" else each.sources:
            spec = candidate[name].spec
            if dtype == "bool" or (dtype == "int64" and spec.is_floating):
                spec = spec.with_dtype(dtype).with_range(0, 1)
            elif (dtype == "complex64" and spec.is_floating) or (
                dtype == "float32" and not spec.is_floating
            ):
                spec = spec.with_dtype(dtype)
            else:
                continue
            yield failed.with_spec(name, spec, _DTYPE_REASONS[dtype])


_FEATURES_AND_TOKENS = re.compile(
    r"(?P<kind>\w{1,40}) features and .{0,99}tokens do not match.{0,99}tokens:? \d{1,9}.{0,99}"
    r"features:? (?P<features>\d{1,9})",
    re.DOTALL,
)


def placeholder_tokens(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield token ids with one placeholder for each feature of an image or of audio."""
    candidate, failure, facts = failed.candidate, failed.failure, failed.facts
    match = _FEATURES_AND_TOKENS.search(failure.message)
    if match is None:
        return
    kind = match["kind"].lower()
    token = facts.setting(f"{kind}_token_id", f"{kind}_token_index", "image_token_id")
    for name, guess in candidate.items():
        if isinstance(token, int) and meaning_of(name) is Meaning.TOKENS:
            spec = guess.spec.with_shape((1, int(match["features"]))).with_range(token, token)
            reason = f"one placeholder token {token} per feature of the {kind}"
            yield {**candidate, name: replace(guess, spec=spec, reason=reason)}
