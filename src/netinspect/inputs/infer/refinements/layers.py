"""Refinements from the layer that failed."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.from_layers import guess_for_layer, guess_for_weight
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace
from netinspect.tracing.model.members import find_module


def from_its_layer(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with the input that the failed layer expects of an argument it takes directly."""
    candidate, step, facts = failed.candidate, failed.step, failed.facts
    if step is None:
        return
    for name in step.arguments:
        current = candidate.get(name)
        if current is None:
            continue
        guess: Guess | None = None
        layer = find_module(facts.model, step.module) if step.module else None
        if layer is not None:
            guess = guess_for_layer(step.module, layer, name, facts)
        for weight in step.parameters:
            guess = guess or guess_for_weight(step.name, weight, facts.shapes.get(weight, ()), facts)
        # A firm guess of the same dtype and rank is not replaced: its sizes can be solved.
        if guess is not None and (
            not current.firm
            or _kind(guess) != _kind(current)
            or len(guess.spec.shape) != len(current.spec.shape)
        ):
            yield {**candidate, name: guess}


def _kind(guess: Guess) -> str:
    return guess.spec.dtype.rstrip("0123456789")


def channels_last(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield images with channels last, for an argument that is transposed before the convolution."""
    candidate, step, facts = failed.candidate, failed.step, failed.facts
    culprits = failed.culprits
    if (
        step is None
        or not step.name.startswith("conv")
        or not any(len(facts.shapes.get(each, ())) > 3 for each in step.parameters)
    ):
        return
    for name in culprits:
        guess = candidate[name]
        if name not in step.arguments and len(guess.spec.shape) == 4:
            batch, channels, *sides = guess.spec.shape
            spec = guess.spec.with_shape((batch, *sides, channels))
            yield {
                **candidate,
                name: replace(guess, spec=spec, reason=f"{guess.reason}; channels come last"),
            }
