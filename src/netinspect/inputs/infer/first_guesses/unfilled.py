"""An argument without a value, which the sources of first guesses read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.forward_code.read import ForwardCode
from netinspect.inputs.infer.forward_code.uses import Uses
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
    code: ForwardCode

    @property
    def uses(self) -> Uses:
        """Uses of it in the code of forward."""
        if self.argument is not None and self.argument.is_list:
            return self.code.uses(f"{self.path}.0")
        return self.code.uses(self.path)

    @property
    def siblings(self) -> set[str]:
        """Last parts of the names of all arguments and of the entries next to it."""
        parent = self.path.rpartition(".")[0]
        entries = self.code.entries(parent) if parent else []
        return {*self.facts.names.names, *(each.rpartition(".")[2] for each in entries)}

    @property
    def word(self) -> str:
        """Its name, or that of the parameter that it is passed to if it has none."""
        named = [self.name, *self.uses.names]
        return next((each for each in named if not each.isdecimal()), self.name)

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
