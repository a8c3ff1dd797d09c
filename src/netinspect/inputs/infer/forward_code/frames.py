"""Frames of the functions that the reader of forward is in, and the bounds of what it reads."""

from __future__ import annotations

import types
from dataclasses import dataclass, field

from netinspect.inputs.infer.forward_code.uses import UseTable
from netinspect.inputs.infer.forward_code.values import Mixed, Part, Tracked, Value

MOST_NODES = 40_000
"""Most parts of syntax trees that are read for one model, which takes about 0.1 s."""

MOST_DEPTH = 24
"""Most functions that call one another."""

MOST_ITEMS = 32
"""Most rounds of a loop."""


class Spent(Exception):
    """Raised when the bounds are reached."""


@dataclass(slots=True)
class Frame:
    """A function that is being read."""

    function: types.FunctionType
    names: dict[str, Value]
    instance: Part | None = None
    owner: type | None = None
    """Class that defines the function."""

    returned: list[Value] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """Uses found so far, and the bounds of the reading."""

    table: UseTable = field(default_factory=UseTable)
    nodes: int = 0
    calls: list[tuple[object, int]] = field(default_factory=list)
    """Functions that are being read, each with the address of its module."""

    def count(self) -> None:
        """Count one part of a syntax tree.

        Raises:
            Spent: There are too many.
        """
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Spent

    def enters(self, code: types.CodeType, instance: Part | None) -> bool:
        """Return whether a function is to be read: not one that calls itself, nor one too deep."""
        return self._enter(code, id(instance.module) if instance is not None else 0)

    def enters_local(self, definition: object) -> bool:
        """Return whether a function that is defined inside another one is to be read."""
        return self._enter(None, id(definition))

    def _enter(self, code: types.CodeType | None, address: int) -> bool:
        if len(self.calls) >= MOST_DEPTH or (code, address) in self.calls:
            return False
        self.calls.append((code, address))
        return True


def merged(one: dict[str, Value], other: dict[str, Value]) -> dict[str, Value]:
    """Return the names after two branches, of which either may run.

    An entry of an argument that one branch leaves unchanged has precedence.
    """
    result = dict(other)
    for name, value in one.items():
        rival = other.get(name)
        if value != rival and _evidence(value) > _evidence(rival):
            result[name] = value
    return result


def _evidence(value: Value) -> int:
    if isinstance(value, Tracked):
        return 100 - len(value.changes) - 50 * value.mixed
    if isinstance(value, Mixed):
        return 40
    return 1 if value is not None else 0
