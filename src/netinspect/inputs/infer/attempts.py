"""Attempts of input inference: runs of forward on candidates, within a budget, each run once."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field

from netinspect._utils.process import begin_phase
from netinspect.analysis.diagnosis.call import Call
from netinspect.analysis.diagnosis.messages import reported_mismatches
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.table import mismatches
from netinspect.errors import message_of, shorten
from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.candidate import Candidate, format_specs
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.records.base import replace
from netinspect.records.dataflow import failed_step
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import Attempt, Trace
from netinspect.tracing.capture import Forward, capture

MAXIMUM_ELEMENTS = 1 << 27
_MOST_FAULTS = 5
"""Attempts that may fail at one call for a fault of the model."""


class Exhausted(Exception):
    """Raised when the budget is spent."""


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


@contextmanager
def suppress_output() -> Iterator[CapturedOutput]:
    """Suppress and capture output and warnings."""
    captured = CapturedOutput()
    with redirect_stdout(captured.output), warnings.catch_warnings(record=True) as caught:
        try:
            yield captured
        finally:
            captured.warnings += caught


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


@dataclass(slots=True)
class AttemptRunner:
    """Runs candidates and caches their results."""

    run_forward: Callable[[Candidate, int | None], Forward]
    """Runs forward on a candidate, for at most a number of steps; None for no limit.

    Raises `InvalidCandidate` if the arguments of the candidate cannot be built.
    """

    stops_at: Callable[[Failure], bool]
    """Returns whether no other input can fix a failure; such a failure raises `Stopped`."""

    facts: ModelFacts
    frozen: frozenset[str]
    """Arguments that the user passed."""

    budget: Budget
    attempts: list[Attempt] = field(default_factory=list)
    _results: dict[tuple[str, ...], AttemptResult] = field(default_factory=dict)
    _faults: dict[tuple[str, str], int] = field(default_factory=dict)
    """Number of attempts that failed for a fault of the model, by module and function."""

    _model: Trace | None = None
    """The modules and tensors of the model, once an attempt has failed."""

    def run(self, candidate: Candidate, why: str) -> AttemptResult:
        """Run a candidate, or return its cached result.

        Raises:
            Exhausted: The budget is spent. The first candidate always runs, without a limit.
            Stopped: It failed in a way that no other input can fix.
        """
        candidate = self._with_model_dtype(candidate)
        key = format_specs(candidate)
        if (known := self._results.get(key)) is not None:
            return known
        most_steps = None
        if self._results:
            if not self.budget.allows_run():
                raise Exhausted
            most_steps = self.budget.remaining_operators
        tried = len(self._results)
        begin_phase(f"finding an input: attempt {tried + 1}" if tried else "running forward")
        with suppress_output() as captured:
            try:
                forward = (
                    self.run_forward(candidate, most_steps)
                    if _is_feasible(candidate)
                    else Forward(failure=_TOO_LARGE)
                )
            except InvalidCandidate as error:
                forward = Forward(failure=error.failure)
        self.budget.charge(forward.steps)
        result = AttemptResult(candidate, forward, captured, self._diagnose(forward))
        self._results[key] = result
        failure = result.failure
        self.attempts.append(Attempt(inputs=key, why=why, outcome=_outcome(result)))
        if failure is not None and (self.stops_at(failure) or self._stops_at_fault(result)):
            raise Stopped(result)
        return result

    def _stops_at_fault(self, result: AttemptResult) -> bool:
        """Return whether a fault of the model ends the search.

        An argument that was left out, or another value of a flag, may lead past the failed call.
        """
        if not result.is_fault_of_model or result.step is None:
            return False
        place = (result.step.module, result.step.name)
        self._faults[place] = self._faults.get(place, 0) + 1
        names = self.facts.names
        passed = {name.partition(".")[0] for name in result.candidate}
        has_flags = any(guess.spec.literal is not None for guess in result.candidate.values())
        is_whole = {*names.names} <= passed and not names.takes_any_name and not has_flags
        return is_whole or self._faults[place] >= _MOST_FAULTS

    def has_run(self, candidate: Candidate) -> bool:
        """Return whether a candidate was run."""
        return format_specs(self._with_model_dtype(candidate)) in self._results

    def _with_model_dtype(self, candidate: Candidate) -> Candidate:
        """Give floats the dtype of the model's parameters."""
        return {
            name: guess
            if name in self.frozen or guess.spec.dtype != "float32"
            else replace(guess, spec=replace(guess.spec, dtype=self.facts.float_dtype))
            for name, guess in candidate.items()
        }

    def _diagnose(self, forward: Forward) -> tuple[Mismatch, ...]:
        """Return what a failed call expected."""
        failure, step = forward.failure, failed_step(forward.steps)
        if failure is None:
            return ()
        if step is None:
            return tuple(reported_mismatches(shorten(failure.message)))
        if self._model is None:
            self._model = capture(self.facts.model, None)
        trace = replace(self._model, steps=forward.steps, failure=failure)
        return mismatches(Call(trace, step, failure))

    def best(self, preferred: Callable[[AttemptResult], bool]) -> AttemptResult | None:
        """Return a result that passed, else a preferred failure, else the failure after most steps.

        Returns None if forward never ran.
        """
        return max(
            (result for result in self._results.values() if not result.is_invalid),
            key=lambda result: (result.failure is None, preferred(result), result.progress),
            default=None,
        )


class Stopped(Exception):
    """Raised when no other input can fix a failure."""

    def __init__(self, result: AttemptResult) -> None:
        super().__init__()
        self.result = result


def _is_feasible(candidate: Candidate) -> bool:
    """Return whether the inputs are small enough to run."""
    sizes = (math.prod(guess.spec.shape) * max(guess.spec.listed, 1) for guess in candidate.values())
    return sum(sizes) <= MAXIMUM_ELEMENTS


_TOO_LARGE = Failure(
    step=None, module="", type="MemoryError", message="the inputs are too large to try", place=None
)


def _outcome(result: AttemptResult) -> str:
    failure, step = result.failure, result.step
    if failure is None:
        return "passed"
    if result.is_invalid:
        return f"not run: {failure.message}"
    where = f"{step.module or 'the model'} ({step.name})" if step is not None else "the call"
    message = " ".join(failure.message.split())
    return f"failed in {where}: {failure.type}: {message[:200]}"
