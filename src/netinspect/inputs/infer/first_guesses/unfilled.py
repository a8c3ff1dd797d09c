"""An argument without a value, which the sources of first guesses read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.signature import ForwardArgument


@dataclass(frozen=True, slots=True)
class Unfilled:
    """An argument, or an entry of one, that needs a guess."""

    path: str
    """Name of the argument, followed by the keys of the entry, such as `batch.image`."""

    argument: ForwardArgument | None
    """The argument itself; None for an entry, and for a name that the signature lacks."""

    others: Candidate
    """Guesses for the arguments before it, whose sizes it may share."""

    facts: ModelFacts

    @property
    def name(self) -> str:
        """The last part of the path, which has a meaning."""
        return self.path.rpartition(".")[2]

    @property
    def annotation(self) -> str:
        """Text of its annotation; empty without one."""
        return self.argument.annotation if self.argument is not None else ""


Source = Callable[[Unfilled], Iterator[Guess]]
"""Yields guesses, the most likely first; none if its evidence is absent."""

Adjust = Callable[[Unfilled, Guess | None], Guess | None]
"""Returns a guess with further evidence about the same argument."""
