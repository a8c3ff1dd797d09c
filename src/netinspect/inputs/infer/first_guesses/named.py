"""Guesses from the name of an argument."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from netinspect.inputs.infer.argument_names import Meaning, guess_by_name, meaning_of
from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.docstrings import refine_by_docstring
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.from_layers import guess_for_layer
from netinspect.inputs.infer.model_facts import TOKENS
from netinspect.records.base import replace
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import is_a


def by_name(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the name alone means, such as token ids for `input_ids`."""
    guess = guess_by_name(unfilled.word, unfilled.others, unfilled.facts)
    if guess is not None:
        yield guess


def image(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the first convolution expects, for an argument that is called an image."""
    if meaning_of(unfilled.word) is not Meaning.IMAGE:
        return
    for path, layer in named_modules(unfilled.facts.model):
        if is_a(layer, (nn.Conv2d, nn.Conv3d)):
            guess = guess_for_layer(path, layer, unfilled.word, unfilled.facts)
            if guess is not None:
                yield guess
            return


_GRAPHS = frozenset({"edge_index", "adj", "adjacency", "adj_t"})


def graph_of_each_node(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield zeros for `batch` next to the edges of a graph: all nodes belong to one graph."""
    if unfilled.name == "batch" and _GRAPHS & unfilled.siblings and not unfilled.uses.layers:
        reason = "an argument called batch next to edges: the graph of each node"
        yield tensor(TOKENS, dtype="int64", low=0, high=0, reason=reason)


def of_graph(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return features of all nodes or edges of a graph in place of those of one example."""
    if guess is None or not _GRAPHS & unfilled.siblings or not guess.spec.is_floating:
        return guess
    if len(guess.spec.shape) != 2 or guess.spec.shape[0] != 1:
        return guess
    rows = 2 * TOKENS if unfilled.name.startswith("edge") else TOKENS
    return replace(guess, spec=guess.spec.with_batch(rows))


def documented(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return the guess with the dimensions and the dtype that the docstring of forward has."""
    if guess is not None and guess.configured:
        return guess
    return refine_by_docstring(unfilled.name, guess, unfilled.others, unfilled.facts)
