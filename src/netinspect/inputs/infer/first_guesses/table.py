"""Table of the sources of first guesses, and of their adjustments, in order of evidence."""

from __future__ import annotations

from netinspect.inputs.infer.candidate import Guess
from netinspect.inputs.infer.first_guesses import (
    annotated,
    consumers,
    first_layer,
    named,
    roots,
    states,
)
from netinspect.inputs.infer.first_guesses.configured_sizes import configured_sizes
from netinspect.inputs.infer.first_guesses.unfilled import Adjust, Source, Unfilled

SOURCES: tuple[Source, ...] = (
    roots.program,
    roots.own_layer,
    annotated.plain,
    annotated.chosen,
    named.graph_of_each_node,
    states.own_state,
    consumers.by_layer,
    states.recurrent_state,
    named.by_name,
    named.image,
    consumers.by_possible_layer,
    consumers.as_index,
    first_layer.first_layer,
)
"""The first source that yields a guess settles the argument."""

ADJUSTMENTS: tuple[Adjust, ...] = (
    named.documented,
    configured_sizes,
    first_layer.features,
    named.of_graph,
    annotated.as_list,
)
"""All of them apply to a guess of a tensor, in this order."""


def first_guesses(unfilled: Unfilled) -> list[Guess]:
    """Return guesses for an argument, the most likely first; at least one."""
    guesses: list[Guess] = next(filter(None, (list(source(unfilled)) for source in SOURCES)), [])
    if guesses and guesses[0].spec.literal is not None:
        return guesses
    adjusted: list[Guess | None] = [*guesses] or [None]
    for adjust in ADJUSTMENTS:
        adjusted = [adjust(unfilled, guess) for guess in adjusted]
    return [guess for guess in adjusted if guess is not None]
