"""Values that the reader of forward knows, without computing them."""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import nn

Path = tuple[str, ...]
"""An argument and the keys, attributes and positions in it, such as `("batch", "0", "image")`."""


class Change(NamedTuple):
    """A change of the layout of a tensor, such as `unsqueeze` of dimension 1."""

    kind: str
    """unsqueeze, squeeze, permute, transpose, select, slice, reduce, split, flatten or reshape."""

    numbers: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Tracked:
    """An entry of an argument, possibly with another layout."""

    path: Path
    changes: tuple[Change, ...] = ()
    mixed: bool = False
    """Whether values of unknown sizes were added to it, so that it may have been broadcast."""

    def changed(self, kind: str, *numbers: int | None) -> Tracked:
        """Return the value after one more change of its layout."""
        return Tracked(self.path, (*self.changes, Change(kind, numbers)), self.mixed)

    def entry(self, key: str) -> Tracked:
        """Return an entry of the value."""
        return Tracked((*self.path, key))


@dataclass(frozen=True, slots=True)
class Rest:
    """The positional or keyword arguments of forward that have no names of their own."""

    start: int = 0
    """First position; unused for keywords."""


@dataclass(frozen=True, slots=True)
class Positions(Rest):
    """`*args` of forward."""


@dataclass(frozen=True, slots=True)
class Keywords(Rest):
    """`**kwargs` of forward."""


@dataclass(frozen=True, slots=True)
class Part:
    """A module of the live model."""

    path: str
    module: nn.Module


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter, a buffer or another tensor of a module."""

    path: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plain:
    """A Python value: a literal, or a plain attribute of a module."""

    value: object


@dataclass(frozen=True, slots=True)
class Group:
    """A tuple or list of values."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary of values."""

    entries: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Joined:
    """Tensors that are concatenated along one dimension."""

    parts: tuple[Value, ...]
    dimension: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """Several entries of arguments that are combined element by element."""

    parts: tuple[Tracked, ...]


@dataclass(frozen=True, slots=True)
class Computed:
    """The output of a layer."""

    width: int | None
    """Number of its features or channels."""

    ids: Tracked | None = None
    """Entry of which it is the embedding."""

    leads: Tracked | None = None
    """Entry that has the same dimensions before the last one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a value."""

    of: Tracked | None


@dataclass(frozen=True, slots=True)
class TorchFunction:
    """A function of torch."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a tensor."""

    value: Value
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function whose code can be read."""

    function: types.FunctionType
    instance: Part | None = None
    owner: type | None = None
    """Class that defines it."""


@dataclass(frozen=True, slots=True)
class Local:
    """A function that is defined inside another one."""

    definition: ast.FunctionDef | ast.Lambda
    function: types.FunctionType
    """Function in which it is defined."""

    names: dict[str, Value] = field(compare=False)
    instance: Part | None = None
    owner: type | None = None


Value = (
    Tracked
    | Positions
    | Keywords
    | Part
    | Weight
    | Plain
    | Group
    | Table
    | Joined
    | Mixed
    | Computed
    | Shape
    | TorchFunction
    | Method
    | Function
    | Local
    | None
)
"""A known value; None for any other one."""


def tracked_in(value: Value) -> tuple[Tracked, ...]:
    """Return the entries of arguments that a tensor was computed from, element by element."""
    if isinstance(value, Tracked):
        return (value,)
    return value.parts if isinstance(value, Mixed) else ()


def combined(values: Sequence[Value]) -> Value:
    """Return the value of an operation on tensors, element by element."""
    found: list[Tracked] = []
    certain = True
    widths = [value.width for value in values if isinstance(value, Computed) and value.width]
    for value in values:
        if isinstance(value, (Tracked, Mixed)):
            found += [each for each in tracked_in(value) if each not in found]
        elif not isinstance(value, Plain):
            certain = False
    if not found:
        single = [value for value in values if isinstance(value, Computed)]
        return single[0] if len(single) == 1 else Computed(widths[0]) if widths else None
    if not certain:
        found = [Tracked(each.path, each.changes, mixed=True) for each in found]
    return found[0] if len(found) == 1 else Mixed(tuple(found[:8]))
