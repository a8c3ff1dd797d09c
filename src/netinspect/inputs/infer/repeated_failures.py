"""Recognition of failures that do not depend on the inputs, because all attempts have the same one.

If a layer gets a wrong size that no change of an input changes, the model has a fault of its own, and
the search ends after a few attempts.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field

from netinspect._utils.classes import plain_name
from netinspect.analysis.diagnosis.code_faults import is_code_fault
from netinspect.analysis.diagnosis.convolution import SPATIAL
from netinspect.inputs.infer.attempt_result import AttemptResult
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Failure
from netinspect.tracing.model.members import modules

_FEW = 2
"""Attempts with the same wrong sizes at one call that end the search, if the others fail earlier."""

_SOME = 4
"""Such attempts if only the message is the same."""

_MANY = 8
"""Such attempts if arguments were left out, or if values of the inputs may determine the sizes."""

_MOST_FAULTS = 5
"""Attempts that may fail at one call for a fault of the model, if other arguments may lead past it."""

_LAST = frozenset({"linear", "lstm", "gru", "rnn_tanh", "rnn_relu"})
"""Functions whose weights determine the last dimension of their input."""

_CHECKS = ("AssertionError", "OutOfMemoryError", "MemoryError")
"""Exceptions whose message is the same for all inputs that they reject."""


@dataclass(slots=True)
class RepeatedFailures:
    """Failures of a search, grouped by place and sizes.

    Args:
        facts: The model.
        frozen: Arguments that the user passed.
    """

    facts: ModelFacts
    frozen: frozenset[str]
    _all: list[AttemptResult] = field(default_factory=list)
    _same: dict[Hashable, list[AttemptResult]] = field(default_factory=dict)
    _faults: dict[Hashable, int] = field(default_factory=dict)
    """Number of attempts that failed for a fault of the model, by place."""

    def add(self, result: AttemptResult) -> AttemptResult | None:
        """Add a failed attempt; return the first of its kind if it shows that no input helps."""
        self._all.append(result)
        same = self._same.setdefault(_kind(result), [])
        same.append(result)
        if self._is_fault(result):
            return same[0]
        # An attempt that fails earlier shows that its change of the input does not help.
        farthest = max(self._same.values(), key=lambda kind: kind[0].progress)
        return farthest[0] if self._is_independent(farthest) else None

    def repeats(self, result: AttemptResult) -> int:
        """Return the number of attempts that failed in the same way."""
        return len(self._same.get(_kind(result), ()))

    def _is_fault(self, result: AttemptResult) -> bool:
        """Return whether a fault of the model's code or of its sizes ends the search.

        An argument that was left out, or another value of a flag, may lead past the failed call.
        """
        failure, step = result.failure, result.step
        assert failure is not None
        is_code = is_code_fault(failure, {plain_name(type(each)) for each in modules(self.facts.model)})
        if not is_code and not (result.is_fault_of_model and step is not None):
            return False
        if failure.type == "NameError":
            return True
        place = (step.module, step.name) if step is not None else ("", failure.message)
        self._faults[place] = self._faults.get(place, 0) + 1
        most = 2 if is_code else _MOST_FAULTS
        return self._is_whole(result.candidate) or self._faults[place] >= most

    def _is_whole(self, candidate: Candidate) -> bool:
        """Return whether a candidate has all arguments, and no flags."""
        names = self.facts.names
        passed = {name.partition(".")[0] for name in candidate}
        has_flags = any(guess.spec.literal is not None for guess in candidate.values())
        return {*names.names} <= passed and not names.takes_any_name and not has_flags

    def _is_independent(self, same: list[AttemptResult]) -> bool:
        """Return whether attempts of one kind show that it does not depend on the inputs."""
        first = same[0]
        failure, step, steps = first.failure, first.step, first.forward.steps
        assert failure is not None
        if step is None or first.is_invalid or failure.type in _CHECKS:
            return False
        line = failure.place.text if failure.place is not None else ""
        has_sizes = bool(_sizes(first))
        other_kinds = {each.kind for each in first.mismatches} - {"rank"}
        if not has_sizes and (line.startswith("raise ") or other_kinds or _wants_object(failure)):
            return False
        sources = sources_of(step.input_origins, steps)
        names = [name for name in sources if name in first.candidate] or list(first.candidate)
        names = [name for name in names if name not in self.frozen]
        most = _SOME
        if has_sizes and step.kind == "function":
            is_sure = not step.arguments and all(_is_without_values(first, name) for name in names)
            most = _FEW if is_sure else _MANY
        if not self._is_whole(first.candidate):
            most = _MANY
        if len(same) < most:
            return False
        return all(self._was_varied(first, name, ranks=not has_sizes) for name in names)

    def _was_varied(self, first: AttemptResult, name: str, *, ranks: bool) -> bool:
        """Return whether each dimension of an input was tried with another size, in vain.

        Args:
            first: The first failure of its kind.
            name: The input.
            ranks: Whether another number of dimensions must have been tried too.
        """
        shape = first.candidate[name].spec.shape
        varied = _determined(first, name)
        has_other_rank = False
        for each in self._all:
            other = each.candidate.get(name)
            if other is None or other.spec.shape == shape:
                continue
            if len(other.spec.shape) != len(shape):
                has_other_rank = True
                continue
            is_same = _kind(each) == _kind(first)
            if each.progress > first.progress or (each.progress == first.progress and not is_same):
                return False
            pairs = enumerate(zip(shape, other.spec.shape, strict=True))
            changed = {index for index, (one, two) in pairs if one != two}
            if is_same or len(changed) == 1:  # one of several changes may be why it fails earlier
                varied |= changed
        is_whole = varied >= {*range(1 if len(shape) > 1 else 0, len(shape))}
        return is_whole and (has_other_rank or not ranks)


def _wants_object(failure: Failure) -> bool:
    """Return whether the code may use an input as an object of another class than a tensor."""
    return failure.type == "AttributeError" or (
        failure.type == "TypeError"
        and re.search("'Tensor'|not Tensor|invalid data type 'str'", failure.message) is not None
    )


def _determined(result: AttemptResult, name: str) -> set[int]:
    """Return the dimensions of an input that the layer which takes it determines."""
    rank = len(result.candidate[name].spec.shape)
    found = set()
    for step in result.forward.steps:
        if name in step.arguments and not step.failed:
            if step.name.startswith("conv") and rank == SPATIAL.get(step.name, 0) + 2:
                found.add(1)
            elif step.name in _LAST:
                found.add(rank - 1)
    return found


def _is_without_values(result: AttemptResult, name: str) -> bool:
    """Return whether the values of an input determine no size, as those of an embedding's ids."""
    if result.candidate[name].spec.is_floating:
        return True
    takers = [
        step for step in result.forward.steps if step.kind == "function" and name in step.arguments
    ]
    return bool(takers) and all(step.name == "embedding" for step in takers)


def _kind(result: AttemptResult) -> Hashable:
    """Return what attempts that fail in the same way share."""
    failure, step = result.failure, result.step
    assert failure is not None
    where = (step.module, step.name, step.call) if step is not None else None
    return failure.type, where, _sizes(result) or failure.message


def _sizes(result: AttemptResult) -> tuple[Hashable, ...]:
    """Return the sizes that do not match, as numbers."""
    return tuple(
        (each.kind, each.expected, each.got)
        for each in result.mismatches
        if each.kind in ("size", "multiple")
        and isinstance(each.expected, int)
        and isinstance(each.got, int)
    )
