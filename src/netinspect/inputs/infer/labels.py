"""Labels: arguments that forward needs only in train mode."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.signature import ForwardNames
from netinspect.inputs.spec import parse_spec
from netinspect.records.base import replace
from netinspect.records.steps import Failure

_LABELS = re.compile(r"(.*_)?(labels?|targets?|gt|ground_truths?|y|y_true)(_ids?)?", re.IGNORECASE)
_LONGEST = 200
"""Most characters of a name that is matched."""


def is_label(name: str) -> bool:
    """Return whether the name of an argument means labels."""
    return len(name) <= _LONGEST and _LABELS.fullmatch(name) is not None


def missing_labels(names: ForwardNames, passed: Collection[str], failure: Failure) -> tuple[str, ...]:
    """Return the labels that were not passed and whose absence explains a failure in train mode."""
    passed = {each.partition(".")[0] for each in passed}
    mentions_none = re.search(r"\bNone(Type)?\b", failure.message, re.IGNORECASE) is not None
    return tuple(
        name
        for name, argument in names.arguments.items()
        if is_label(name)
        and not argument.required
        and name not in passed
        and (mentions_none or re.search(rf"\b{re.escape(name)}\b", failure.message))
    )


def with_labels(
    candidate: Candidate, mismatches: Sequence[Mismatch], failure: Failure, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield candidates with the labels that a failing loss expects, or else with usual labels."""
    if not facts.training:
        return
    wanted = _expected_target(mismatches)
    for name in facts.names.names:
        given = candidate.get(name)
        # Labels of another shape may replace those of the candidate.
        is_new = wanted is not None and (given is None or given.spec.shape != wanted.spec.shape)
        if wanted is not None and is_new and is_label(name):
            yield {**candidate, name: wanted}
    for name in missing_labels(facts.names, candidate, failure) if wanted is None else ():
        yield from ({**candidate, name: guess} for guess in _usual(candidate, name))


def _expected_target(mismatches: Sequence[Mismatch]) -> Guess | None:
    """Return the target that a failing loss expects, or None if the failed call is not a loss."""
    for each in mismatches:
        if each.kind == "tensor" and "target" in each.marks and isinstance(each.expected, str):
            return Guess(spec=parse_spec(each.expected), reason=each.requirement)
    return None


def _usual(candidate: Candidate, name: str) -> Iterator[Guess]:
    reason = f"an argument called {name}, which train mode needs"
    first = next(iter(candidate.values()), None)
    batch = first.spec.shape[0] if first is not None and first.spec.shape else 1
    if first is not None and first.spec.dtype == "int64":
        yield replace(first, reason=f"{reason}: one per token", firm=False)
    yield tensor(batch, dtype="int64", low=0, high=1, reason=f"{reason}: a class", firm=False)
