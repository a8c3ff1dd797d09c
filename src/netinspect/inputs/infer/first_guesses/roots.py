"""Guesses for models that are one of torch's layers, or a program."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect._utils.classes import ancestors, defining_module, namespace_of
from netinspect.inputs.infer.candidate import Guess
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.from_layers import guess_for_layer
from netinspect.inputs.infer.program_inputs import program_inputs
from netinspect.records.base import replace


def own_layer(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the model expects if its forward is that of one of torch's layers."""
    classes = ancestors(type(unfilled.facts.model))
    owner = next((each for each in classes if "forward" in namespace_of(each)), None)
    if owner is None or not defining_module(owner).startswith("torch.nn.modules."):
        return
    guess = guess_for_layer("", unfilled.facts.model, unfilled.name, unfilled.facts)
    if guess is not None:
        yield replace(guess, configured=True)


def program(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield the input that a TorchScript module or an exported program was made with, or takes."""
    inputs = program_inputs(unfilled.facts)
    names = list(unfilled.facts.names.names) or [str(at) for at in range(len(inputs))]
    at = names.index(unfilled.path) if unfilled.path in names else -1
    guess = inputs[at] if 0 <= at < len(inputs) else None
    if guess is not None:
        yield replace(guess, configured=True)
