"""The failed attempt that the refinements read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netinspect.analysis.diagnosis.mismatch import Kind, Mismatch
from netinspect.inputs.infer.attempts import AttemptResult
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.spec import InputSpec
from netinspect.records.base import replace
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Failure, Step

FROM_MESSAGE = "expected by the error message of the model"
"""Reason of a guess."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A failed attempt, with what its refinements need."""

    result: AttemptResult
    failure: Failure
    culprits: tuple[str, ...]
    """Entries of the candidate that reach the failed step; all of them if that is unknown."""

    facts: ModelFacts

    @property
    def candidate(self) -> Candidate:
        """The candidate that failed."""
        return self.result.candidate

    @property
    def step(self) -> Step | None:
        """Innermost step that failed."""
        return self.result.step

    def expected(self, kind: Kind) -> list[Mismatch]:
        """Return the mismatches of a kind, each with sources that are entries of the candidate."""
        return [
            each._replace(
                sources=tuple(name for name in each.sources if name in self.candidate) or self.culprits
            )
            for each in self.result.mismatches
            if each.kind == kind
        ]

    def with_spec(self, name: str, spec: InputSpec, reason: str) -> Candidate:
        """Return the candidate with another spec of one entry."""
        guess = self.candidate[name]
        # Dimensions that were solved for are others in a tensor of another rank.
        solved = guess.solved if len(spec.shape) == len(guess.spec.shape) else ()
        return {**self.candidate, name: replace(guess, spec=spec, reason=reason, solved=solved)}


Refine = Callable[[FailedAttempt], Iterator[Candidate]]
"""Yields candidates, the most likely first; none if its evidence is absent."""


def read_failure(result: AttemptResult, facts: ModelFacts) -> FailedAttempt | None:
    """Return the failed attempt of a result; None if it passed."""
    step, failure = result.step, result.failure
    if failure is None:
        return None
    sources = sources_of(step.input_origins, result.forward.steps) if step is not None else []
    culprits = [name for name in sources if name in result.candidate] or list(result.candidate)
    return FailedAttempt(result, failure, tuple(culprits), facts)
