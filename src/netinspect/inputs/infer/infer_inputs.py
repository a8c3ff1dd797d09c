"""The search for inputs: candidates from names and layers, run and refined until one passes."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner, Exhausted, Stopped
from netinspect.inputs.infer.candidate import Candidate, describe_changes
from netinspect.inputs.infer.first_candidates import first_candidates
from netinspect.inputs.infer.labels import missing_labels
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.refinements.table import refinements
from netinspect.inputs.infer.solve_sizes import solve_sizes
from netinspect.inputs.infer.usual_inputs import prefer_usual_inputs
from netinspect.inputs.infer.written_calls import written_inputs
from netinspect.records.steps import Failure
from netinspect.records.trace import Attempt
from netinspect.tracing.capture import Forward

_FIRST = 1 << 30
"""Priority of a candidate to run first: more than the progress of any attempt."""


@dataclass(frozen=True, slots=True)
class Inference:
    """Result of a search for inputs."""

    candidate: Candidate
    """Candidate that passed, or else that progressed farthest."""

    forward: Forward | None
    """Its forward; None if none was run."""

    attempts: tuple[Attempt, ...]
    repeats: int = 0
    """Number of attempts that failed in the same way, if that ended the search."""


def infer(
    facts: ModelFacts,
    run_forward: Callable[[Candidate, int | None], Forward],
    *,
    given: Candidate,
    known: Candidate,
    stops_at: Callable[[Failure], bool],
    budget: Budget,
) -> Inference:
    """Find inputs on which forward passes.

    Args:
        facts: The model.
        run_forward: Runs it on a candidate, for at most a number of steps.
        given: Arguments that the user passed; they are not changed.
        known: Guesses from a library that knows this model.
        stops_at: Returns whether no other input can fix a failure.
        budget: Limits of the search; its `stopped` reports whether they ended it.
    """
    frozen = frozenset(given)
    runner = AttemptRunner(run_forward, stops_at, facts, frozen, budget)
    best: AttemptResult | None = None
    repeats = 0
    is_settled = {*given, *known}.issuperset(facts.names.required)
    written = {} if is_settled else written_inputs(facts)
    try:
        best = _search(runner, facts, given, known, written, frozen)
        if best is not None:
            used = {name for name, guess in written.items() if best.candidate.get(name) == guess}
            best = prefer_usual_inputs(runner, best, facts, frozen, frozenset({*known, *used}))
    except Exhausted:
        pass
    except Stopped as stop:
        best, repeats = best or stop.result, stop.repeats
    best = best or runner.best(lambda result: _lacks_labels(result, facts))
    if best is not None and best.captured is not None:
        best.captured.replay()
    return Inference(
        candidate=best.candidate if best is not None else dict(given),
        forward=best.forward if best is not None else None,
        attempts=tuple(runner.attempts),
        repeats=repeats,
    )


def _lacks_labels(result: AttemptResult, facts: ModelFacts) -> bool:
    """Return whether an attempt failed only because of missing labels."""
    failure = result.failure
    return (
        facts.training
        and failure is not None
        and bool(missing_labels(facts.names, result.candidate, failure))
    )


def _search(
    runner: AttemptRunner,
    facts: ModelFacts,
    given: Candidate,
    known: Candidate,
    written: Candidate,
    frozen: frozenset[str],
) -> AttemptResult | None:
    """Run candidates in order of progress; each failure suggests others."""
    order = itertools.count()
    waiting: list[tuple[int, int, Candidate | AttemptResult, str]] = []

    def push(progress: int, entry: Candidate | AttemptResult, why: str) -> None:
        heapq.heappush(waiting, (-progress, next(order), entry, why))

    # The most likely candidate runs first, complete and then without optional arguments; an example in
    # the file takes precedence.
    firsts = 3 if written else 2
    for index, (candidate, why) in enumerate(first_candidates(facts, given, known, written)):
        push(_FIRST - index if index < firsts else 1, candidate, why)
    while waiting:
        _, _, entry, why = heapq.heappop(waiting)
        if isinstance(entry, AttemptResult):
            solved = solve_sizes(runner, entry)
            if solved is None:
                continue
            entry, why = solved, "solved"
        elif runner.has_run(entry):
            continue
        result = runner.run(entry, why)
        failure = result.failure
        if failure is None:
            return result
        if result.is_invalid:
            continue
        followers = [
            refined
            for refined in refinements(result, facts)
            if all(refined.get(name) == result.candidate.get(name) for name in frozen)
            and not runner.has_run(refined)
        ]
        # All are queued: one that makes less progress may still be the only way to pass.
        for index, refined in enumerate(followers):
            is_certain = result.is_required_of_arguments and index == 0
            push(
                _FIRST if is_certain else max(result.progress, 1),
                refined,
                describe_changes(result.candidate, refined),
            )
        push(max(result.progress, 1), result, "")
    return None
