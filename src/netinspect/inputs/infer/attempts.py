"""Attempts of input inference: runs of forward on candidates, within a budget, each run once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field

from netinspect._utils.interruption import OutOfTime
from netinspect._utils.process import begin_phase
from netinspect.analysis.diagnosis.call import Call
from netinspect.analysis.diagnosis.messages import reported_mismatches
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.table import mismatches
from netinspect.errors import shorten
from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.attempt_result import AttemptResult as AttemptResult
from netinspect.inputs.infer.attempt_result import CapturedOutput, InvalidCandidate
from netinspect.inputs.infer.candidate import Candidate, format_specs
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.repeated_failures import RepeatedFailures
from netinspect.records.base import replace
from netinspect.records.dataflow import failed_step
from netinspect.records.steps import Failure
from netinspect.records.trace import Attempt, Trace
from netinspect.tracing.capture import Forward, capture

MAXIMUM_ELEMENTS = 1 << 27


class Exhausted(Exception):
    """Raised when the budget is spent."""


@contextmanager
def suppress_output() -> Iterator[CapturedOutput]:
    """Suppress and capture output and warnings."""
    captured = CapturedOutput()
    with redirect_stdout(captured.output), warnings.catch_warnings(record=True) as caught:
        try:
            yield captured
        finally:
            captured.warnings += caught


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
    failures: RepeatedFailures = field(init=False)
    _results: dict[tuple[str, ...], AttemptResult] = field(default_factory=dict)
    _model: Trace | None = None
    """The modules and tensors of the model, once an attempt has failed."""

    def __post_init__(self) -> None:
        self.failures = RepeatedFailures(self.facts, self.frozen)

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
        if self.budget.out_of_time:
            raise Exhausted
        if failure is not None:
            if self.stops_at(failure):
                raise Stopped(result)
            first = self.failures.add(result)
            if first is not None:
                raise Stopped(first, repeats=self.failures.repeats(first))
        return result

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
            key=lambda result: (
                result.failure is None,
                result.failure is not None and result.failure.type != OutOfTime.__name__,
                preferred(result),
                result.progress,
            ),
            default=None,
        )


class Stopped(Exception):
    """Raised when no other input can fix a failure.

    Args:
        result: The failed attempt.
        repeats: Number of attempts that failed in the same way, if that is the reason; otherwise 0.
    """

    def __init__(self, result: AttemptResult, *, repeats: int = 0) -> None:
        super().__init__()
        self.result = result
        self.repeats = repeats


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
