"""Adjustment of inputs that passed: usual sizes, floats and valid indices where these pass too."""

from __future__ import annotations

import math

from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Guess, describe_changes
from netinspect.inputs.infer.enlarge_inputs import enlarge_inputs
from netinspect.inputs.infer.flattened_pictures import with_pictures
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.refinements.ranks import with_batch_dimension
from netinspect.inputs.infer.time_first import with_time_first
from netinspect.inputs.infer.waiting_parts import with_waiting_parts
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Step
from netinspect.records.values import tensors_in

_USUAL_SIDES = (224, 32, 28, 256, 64, 128, 96, 112, 160, 192, 299, 384, 448, 512, 336, 48, 16)
_LONG = 1000
_LARGEST_RATIO = 2.01
"""Largest ratio of a solved size and a usual one that is tried instead."""


def prefer_usual_inputs(
    runner: AttemptRunner,
    result: AttemptResult,
    facts: ModelFacts,
    frozen: frozenset[str],
    known: frozenset[str],
) -> AttemptResult:
    """Return a result with usual inputs, or the given result where those do not pass.

    Args:
        runner: Runs the candidates.
        result: Attempt that passed.
        facts: The model.
        frozen: Arguments that the user passed; they are not changed.
        known: Arguments that a library knows; their reasons are not changed.
    """
    for batched in with_batch_dimension(result):
        if all(batched[name] == result.candidate[name] for name in frozen):
            other = runner.run(batched, describe_changes(result.candidate, batched))
            result = other if other.failure is None else result
    for name in list(result.candidate):
        if name not in frozen:
            result = _with_usual_side(runner, result, name)
            result = _with_floats(runner, result, name)
            result = _within_range(result, name, facts)
    result = with_waiting_parts(runner, result, facts, frozen | known)
    result = with_time_first(runner, result, facts, frozen | known)
    result = with_pictures(runner, result, frozen | known)
    result = enlarge_inputs(runner, result, frozen | known)
    return _with_fixing_layers(result, frozen | known)


def _with_usual_side(runner: AttemptRunner, result: AttemptResult, name: str) -> AttemptResult:
    """Return a result with a usual side if it passes, such as 28 instead of 29."""
    guess = result.candidate[name]
    dimensions = guess.solved
    sides = {guess.spec.shape[index] for index in dimensions}
    if len(sides) != 1:
        return result
    side = sides.pop()
    if len(dimensions) == 1:
        # A round length that passes, for example of a waveform.
        for unit in (1000, 100):
            shorter = side // unit * unit
            resized = guess.resized({dimensions[0]: shorter}, guess.reason)
            if 0 < shorter < side and side > _LONG:
                other = runner.run({**result.candidate, name: resized}, f"{name} with a round {shorter}")
                if other.failure is None:
                    return other
        return result
    for usual in _USUAL_SIDES:
        if usual != side and max(usual, side) / min(usual, side) < _LARGEST_RATIO:
            resized = guess.resized(dict.fromkeys(dimensions, usual), guess.reason)
            other = runner.run(
                {**result.candidate, name: resized}, f"{name} with a usual side of {usual}"
            )
            if other.failure is None:
                return other
        elif usual == side:
            return result
    return result


def _with_floats(runner: AttemptRunner, result: AttemptResult, name: str) -> AttemptResult:
    """Return a result with floats if they pass."""
    guess = result.candidate[name]
    if guess.firm or guess.spec.dtype != "int64":
        return result
    spec = guess.spec.with_dtype("float32")
    floats = {**result.candidate, name: Guess(spec=spec, reason=guess.reason)}
    other = runner.run(floats, f"{name} with floats")
    return other if other.failure is None else result


def _within_range(result: AttemptResult, name: str, facts: ModelFacts) -> AttemptResult:
    """Limit indices to the smallest embedding: tensors without data accept any index."""
    guess = result.candidate[name]
    if guess.spec.dtype != "int64" or guess.spec.high is None:
        return result
    steps = result.forward.steps
    rows = [
        facts.shapes[weight][0]
        for step in steps
        if step.name == "embedding" and _takes(step, name, steps)
        for weight in step.parameters
        if facts.shapes.get(weight)
    ]
    if rows and guess.spec.high >= min(rows):
        spec = guess.spec.with_range(0, min(rows) - 1)
        reason = f"{guess.reason}; the smallest embedding has {min(rows)} rows"
        return AttemptResult(
            {**result.candidate, name: Guess(spec=spec, reason=reason)}, result.forward, result.captured
        )
    return result


_VALUE_PRESERVING = frozenset(
    "view reshape to long squeeze unsqueeze contiguous flatten getitem clone int".split()  # noqa: SIM905
)


def _takes(step: Step, name: str, steps: tuple[Step, ...]) -> bool:
    """Return whether a step receives an argument, possibly reshaped."""
    waiting, seen = [step], {step.index}
    while waiting:
        each = waiting.pop()
        if name in each.arguments:
            return True
        producers = [steps[index] for index in each.producers if index not in seen]
        seen.update(each.producers)
        waiting += [producer for producer in producers if producer.name in _VALUE_PRESERVING]
    return False


def _is_pooled(step: Step, steps: tuple[Step, ...]) -> bool:
    """Return whether a step was computed from a map that was pooled to a fixed size."""
    waiting, seen = [step.index], {step.index}
    for index in waiting:
        if steps[index].name.startswith("adaptive_"):
            return True
        added = [each for each in steps[index].producers if each not in seen]
        seen.update(added)
        waiting += added
    return False


def _with_fixing_layers(result: AttemptResult, settled: frozenset[str]) -> AttemptResult:
    """Add to the reason the Linear after a flatten, which determines the size of the image."""
    steps = result.forward.steps
    for step in steps:
        producers = step.input_origins[0].producers if step.input_origins else ()
        if step.name != "linear" or not producers:
            continue
        producer = steps[producers[0]]
        before = next(tensors_in(producer.inputs), None)
        if producer.name not in ("view", "reshape", "flatten") or before is None:
            continue
        sizes = [size for size in before.shape[1:] if isinstance(size, int)]
        given = next(tensors_in(step.inputs), None)
        if _is_pooled(producer, steps):
            continue  # the map has this size for any image
        if len(sizes) < 2 or len(sizes) != len(before.shape) - 1 or math.prod(sizes[1:]) == 1:
            continue
        if given is None or given.shape[-1:] != (math.prod(sizes),):
            continue  # joined attention heads, not a flattened map
        for name in sources_of(step.input_origins[:1], steps):
            guess = result.candidate.get(name)
            if guess is not None and name not in settled and len(guess.spec.shape) >= 3:
                reason = f"solved from {step.module}.in_features = {math.prod(sizes)}"
                fixed = Guess(spec=guess.spec, reason=reason, solved=guess.solved)
                return AttemptResult({**result.candidate, name: fixed}, result.forward, result.captured)
    return result
