"""Plain values: from annotations, and from the constants that forward compares an argument with."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from netinspect.inputs.annotations import annotated_class, literals_of, members_of
from netinspect.inputs.infer.candidate import Guess
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.spec import plain_value
from netinspect.records.base import replace
from netinspect.tracing.safe_access import dictionary_of, is_a

_SCALARS = {
    "int": Guess(spec=plain_value(1), reason="an int"),
    "float": Guess(spec=plain_value(1.0), reason="a float"),
    "bool": Guess(spec=plain_value(False), reason="a bool"),
}


def plain(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield values for an argument that is annotated as a number, a flag or one of several values."""
    if (guess := _SCALARS.get(unfilled.annotation)) is not None:
        yield guess
        return
    for value in literals_of(unfilled.annotation):
        yield Guess(spec=plain_value(value), reason=f"annotated as {unfilled.annotation}")
    if unfilled.argument is not None:
        facts = unfilled.facts
        cls = annotated_class(facts.model, unfilled.argument, facts.names.method)
        for name in members_of(cls):
            yield Guess(spec=plain_value(name), reason=f"a member of {unfilled.annotation}")


def chosen(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield the constants that forward compares an argument with, and the keys that it selects by it."""
    uses = unfilled.uses
    for value in uses.choices:
        if is_a(value, enum.Enum):
            name = (dictionary_of(value) or {}).get("_name_", "")
            yield Guess(spec=plain_value(name), reason=f"forward compares it with {name}")
        else:
            reason = f"forward knows {value!r} as {unfilled.name}"
            yield Guess(spec=plain_value(value), reason=reason)
    if uses.count is not None and not uses.indexes and not uses.layers:
        value = min(uses.count, 1)
        yield Guess(spec=plain_value(value), reason=f"forward uses {unfilled.name} as a number")


def as_list(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return the guess as a list of its examples if the argument is annotated as a list of tensors."""
    if guess is None or unfilled.argument is None or not unfilled.argument.is_list:
        return guess
    return replace(guess, spec=guess.spec.as_list(), reason=f"{guess.reason}; a list of them", solved=())
