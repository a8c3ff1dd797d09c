"""Optional inputs that a whole part of the model waits for, such as the text next to an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.first_guesses.table import first_guesses
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.forward_code.read import read_forward
from netinspect.inputs.infer.labels import is_label
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.refinements.added_arguments import NEVER_NEEDED
from netinspect.inputs.infer.refinements.table import refinements
from netinspect.inputs.infer.solve_sizes import solve_sizes
from netinspect.records.base import replace
from netinspect.records.steps import Step

_MOST = 2
"""Optional inputs to try."""

_MOST_REFINED = 4


def with_waiting_parts(
    runner: AttemptRunner, result: AttemptResult, facts: ModelFacts, settled: frozenset[str]
) -> AttemptResult:
    """Return a result with optional inputs if they make parts run that were not called, and pass.

    Args:
        runner: Runs the candidates.
        result: Attempt that passed.
        facts: The model.
        settled: Arguments that the user passed or that a library knows; with any, nothing is added.
    """
    waiting = uncalled_parts(facts.shapes, result.forward.steps)
    if not waiting or settled:
        return result
    passed = {name.partition(".")[0] for name in result.candidate}
    optional = [
        name
        for name, argument in facts.names.arguments.items()
        if name not in passed
        and not argument.required
        and not is_label(name)
        and not NEVER_NEEDED.fullmatch(name)
    ]
    for name in optional[:_MOST]:
        for guess in _guesses(name, result, facts):
            part = next(iter(waiting))
            reason = f"{guess.reason}; {part} is not called without it"
            other = runner.run(
                {**result.candidate, name: replace(guess, reason=reason)}, f"{name}: {reason}"
            )
            for refined in _refined(runner, other, facts, name):
                other = runner.run(refined, f"{name}: {refined[name].reason}")
                if other.failure is None:
                    break
            still = uncalled_parts(facts.shapes, other.forward.steps)
            if other.failure is None and len(still) < len(waiting):
                result, waiting = other, still
        if not waiting:
            break
    return result


def _refined(
    runner: AttemptRunner, failed: AttemptResult, facts: ModelFacts, name: str
) -> Iterator[Candidate]:
    """Yield candidates with another input of a name, and all others unchanged."""
    if failed.failure is None:
        return
    found = [*islice(refinements(failed, facts), _MOST_REFINED)]
    solved = solve_sizes(runner, failed)
    for candidate in [*found, *([solved] if solved is not None else [])]:
        others = {**candidate, name: failed.candidate[name]}
        if others == failed.candidate:
            yield candidate


def uncalled_parts(parameters: Iterable[str], steps: Sequence[Step]) -> list[str]:
    """Return the parts at the top of a model that have parameters, but that no step called or read.

    Args:
        parameters: Names of parameters and buffers.
        steps: The steps of forward.
    """
    parts = dict.fromkeys(name.partition(".")[0] for name in parameters if "." in name)
    called = {step.module.partition(".")[0] for step in steps}
    called |= {name.partition(".")[0] for step in steps for name in step.parameters}
    return [part for part in parts if part not in called]


def _guesses(name: str, result: AttemptResult, facts: ModelFacts) -> Iterator[Guess]:
    """Yield the most likely guess for an argument."""
    code = read_forward(facts.model, facts.names.method)
    argument = facts.names.arguments[name]
    yield from first_guesses(Unfilled(name, argument, result.candidate, facts, code))[:1]
