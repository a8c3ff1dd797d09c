"""Guesses for an argument about which nothing is known."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.from_layers import first_layer_guess
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.records.base import replace


def first_layer(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the first layer of the model expects that expects certain sizes."""
    guess = first_layer_guess(unfilled.word, unfilled.facts)
    if guess is not None and not (unfilled.uses.is_scaled and guess.spec.dtype == "int64"):
        yield replace(guess, firm=False)


def features(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return some features of one example, or of several nodes of a graph, if there is no guess."""
    if guess is not None:
        return guess
    return tensor(1, TOKENS, reason="guessed: no layer or name gives its sizes", firm=False)


def alternatives(facts: ModelFacts) -> list[Guess]:
    """Return inputs of the usual kinds, to try in place of all guesses without evidence."""
    rows = max(facts.embeddings.values(), default=0)
    reason = "guessed"
    guesses = [
        tensor(1, 3, 224, 224, reason=f"{reason}: an image", firm=False),
        tensor(1, TOKENS, 64, reason=f"{reason}: a sequence", firm=False),
        tensor(1, 64, reason=f"{reason}: features", firm=False),
        tensor(TOKENS, reason=f"{reason}: a vector", firm=False),
    ]
    if rows:
        ids = tensor(
            1, TOKENS, dtype="int64", low=0, high=rows - 1, reason=f"{reason}: integer ids", firm=False
        )
        guesses.insert(0, ids)
    return guesses
