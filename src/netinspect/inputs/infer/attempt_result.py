"""Results of the attempts of a search for inputs."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field

from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.errors import message_of
from netinspect.inputs.infer.candidate import Candidate
from netinspect.records.dataflow import failed_step
from netinspect.records.steps import Failure, Step
from netinspect.tracing.capture import Forward


class InvalidCandidate(Exception):
    """Raised when the arguments of a candidate cannot be built; it counts as a failed attempt."""

    @property
    def failure(self) -> Failure:
        """Failure to record for the attempt."""
        message, kind = message_of(self), type(self).__name__
        return Failure(step=None, module="", type=kind, message=message, place=None)


@dataclass(slots=True)
class CapturedOutput:
    """Output and warnings of one forward, suppressed during the search."""

    output: io.StringIO = field(default_factory=io.StringIO)
    warnings: list[warnings.WarningMessage] = field(default_factory=list)

    def replay(self) -> None:
        """Print the output and issue the warnings."""
        print(self.output.getvalue(), end="")
        for each in self.warnings:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Result of one forward on one candidate."""

    candidate: Candidate
    forward: Forward
    captured: CapturedOutput | None = None
    mismatches: tuple[Mismatch, ...] = ()
    """Requirements of the failed call, the most certain first."""

    @property
    def failure(self) -> Failure | None:
        """Failure of forward; None if it passed."""
        return self.forward.failure

    @property
    def is_invalid(self) -> bool:
        """True if its arguments could not be built, so that forward did not run."""
        return self.failure is not None and self.failure.type == InvalidCandidate.__name__

    @property
    def is_fault_of_model(self) -> bool:
        """True if sizes that do not match are determined by parameters, so that no input size helps."""
        return any(each.makers for each in self.mismatches)

    @property
    def is_required_of_arguments(self) -> bool:
        """True if the requirements are about known dimensions of arguments."""
        return any(each.argument for each in self.mismatches)

    @property
    def step(self) -> Step | None:
        """Innermost step that failed."""
        return failed_step(self.forward.steps)

    @property
    def progress(self) -> int:
        """Number of steps that ran."""
        return len(self.forward.steps)
