"""Calls that a picture is built from, whatever they were read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal as OneOf
from typing import NamedTuple

from netinspect.records.picture import Template


class Read(NamedTuple):
    """One tensor that a call reads."""

    sources: tuple[int, ...]
    """Indices of the calls that made the tensor or wrote to it; of `input` calls for arguments."""

    shape: tuple[int | str, ...] | None
    """Its shape; None if unknown."""

    bytes: int = 0
    in_object: bool = False
    side: OneOf["", "a", "b"] = ""
    """The model in which it is read, in a comparison."""


@dataclass
class Call:
    """One call, or a module that was not called."""

    parent: int | None
    """Index of the enclosing call; None for the root."""

    own: Template
    """Content of its box, without the calls inside: `cost` and `steps` are its own."""

    path: str = ""
    """Path of the called module, or name of an input; empty for a function."""

    reads: Sequence[Read] = ()
    children: list[int] = field(default_factory=list)
    """Indices of the calls in it, in their order. What never runs may be in several calls."""


def connect(calls: Sequence[Call]) -> None:
    """Set the children of all calls from their parents, in the order of the calls."""
    for index, call in enumerate(calls):
        if call.parent is not None:
            calls[call.parent].children.append(index)


def in_order(calls: Sequence[Call]) -> list[int]:
    """Return the indices of all calls, each before the calls in it, in the order of the boxes."""
    found = []
    waiting = [next(index for index, call in enumerate(calls) if call.parent is None)]
    while waiting:
        index = waiting.pop()
        found.append(index)
        waiting += reversed(calls[index].children)
    return found
