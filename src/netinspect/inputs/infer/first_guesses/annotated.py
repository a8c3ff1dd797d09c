"""Guesses from annotations."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.inputs.infer.candidate import Guess
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.spec import plain_value
from netinspect.records.base import replace

_SCALARS = {
    "int": Guess(spec=plain_value(1), reason="an int"),
    "float": Guess(spec=plain_value(1.0), reason="a float"),
    "bool": Guess(spec=plain_value(False), reason="a bool"),
}


def scalar(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield a value for an argument that is annotated as a number or a flag."""
    if (guess := _SCALARS.get(unfilled.annotation)) is not None:
        yield guess


def as_list(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return the guess as a list of its examples if the argument is annotated as a list of tensors."""
    if guess is None or unfilled.argument is None or not unfilled.argument.is_list:
        return guess
    return replace(guess, spec=guess.spec.as_list(), reason=f"{guess.reason}; a list of them", solved=())
