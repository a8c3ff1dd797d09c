"""Guesses from the name of an argument."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from netinspect.inputs.infer.argument_names import Meaning, guess_by_name, meaning_of
from netinspect.inputs.infer.candidate import Guess
from netinspect.inputs.infer.docstrings import refine_by_docstring
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.from_layers import guess_for_layer
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import is_a


def by_name(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the name alone means, such as token ids for `input_ids`."""
    guess = guess_by_name(unfilled.name, unfilled.others, unfilled.facts)
    if guess is not None:
        yield guess


def image(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the first convolution expects, for an argument that is called an image."""
    if meaning_of(unfilled.name) is not Meaning.IMAGE:
        return
    for path, layer in named_modules(unfilled.facts.model):
        if is_a(layer, (nn.Conv2d, nn.Conv3d)):
            guess = guess_for_layer(path, layer, unfilled.name, unfilled.facts)
            if guess is not None:
                yield guess
            return


def documented(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return the guess with the dimensions and the dtype that the docstring of forward has."""
    return refine_by_docstring(unfilled.name, guess, unfilled.others, unfilled.facts)
