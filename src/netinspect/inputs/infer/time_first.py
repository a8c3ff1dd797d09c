"""Time before the batch for sequences that a recurrent layer reads as a single step."""

from __future__ import annotations

from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.refinements.states import turned
from netinspect.records.base import replace
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Step
from netinspect.records.values import tensors_in
from netinspect.tracing.model.members import find_module
from netinspect.tracing.safe_access import state_of

_LAYERS = frozenset(("LSTM", "GRU", "RNN"))


def with_time_first(
    runner: AttemptRunner, result: AttemptResult, facts: ModelFacts, settled: frozenset[str]
) -> AttemptResult:
    """Return a result with several steps of one sequence instead of one step of several, if it passes.

    Args:
        runner: Runs the candidates.
        result: Attempt that passed.
        facts: The model.
        settled: Arguments that the user passed or that a library knows; they are not changed.
    """
    for step in result.forward.steps:
        length = _sequences_of_one_step(step, facts)
        if length is None:
            continue
        sources = sources_of(step.input_origins[:1], result.forward.steps)
        names = [
            name
            for name in sources
            if name in result.candidate
            and name not in settled
            and result.candidate[name].spec.shape[:2] == (1, length)
        ]
        if names:
            other = runner.run(_turned(result.candidate, names, length, settled), "time is first")
            return other if other.failure is None else result
    return result


def _sequences_of_one_step(step: Step, facts: ModelFacts) -> int | None:
    """Return the batch of a recurrent layer with time first that was called with one step."""
    layer = find_module(facts.model, step.module) if step.name in _LAYERS else None
    given = next(tensors_in(step.inputs), None)
    if layer is None or given is None or len(given.shape) != 3 or given.shape[0] != 1:
        return None
    length = given.shape[1]
    is_time_first = state_of(layer).get("batch_first") is False
    return length if is_time_first and isinstance(length, int) and length > 1 else None


def _turned(candidate: Candidate, names: list[str], length: int, settled: frozenset[str]) -> Candidate:
    """Return the candidate with some inputs turned, and one example in those that have the batch."""

    def single(guess: Guess) -> Guess:
        shape = guess.spec.shape
        at = 1 if len(shape) == 3 else 0
        if shape[at : at + 1] != (length,):
            return guess
        return replace(guess, spec=guess.spec.with_shape((*shape[:at], 1, *shape[at + 1 :])))

    return {
        name: turned(guess) if name in names else guess if name in settled else single(guess)
        for name, guess in candidate.items()
    }
