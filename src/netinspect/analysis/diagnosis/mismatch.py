"""The structured result of a diagnosis: what a failed call expected, and what it got.

Explanations are written from it, and the search for inputs makes its candidates from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal as OneOf
from typing import NamedTuple

Kind = OneOf["size", "multiple", "larger", "rank", "dtype", "tensor", "range", "examples", "device"]
"""The property that is wrong. A `size` must equal another one, be a `multiple` of a number, or `larger`;
`rank` is the number of dimensions, `range` that of indices, and `examples` the size of the batch."""

Marks = Mapping[str, tuple[int, ...]]
"""Dimensions by the name of their operand."""


class Mismatch(NamedTuple):
    """A property of an operand that a failed call expected to be another one."""

    kind: Kind
    expected: int | str | None = None
    """A number, a dtype, a device, or the input spec of a tensor; None if unknown."""

    got: int | str | None = None
    """None if unknown. A reshape compares numbers of elements."""

    marks: Marks = MappingProxyType({})
    """Operands and their dimensions that disagree, first the one that has `got`. Empty if only an error
    message, which names no operand, shows the mismatch."""

    requirement: str = ""
    """The requirement in a few words, such as `fc1.in_features = 256`."""

    sources: tuple[str, ...] = ()
    """Arguments of the model that the first operand of `marks` was computed from; empty if unknown."""

    argument: str = ""
    """Argument of the model with the dimensions of the first operand of `marks`; may be empty."""

    makers: tuple[str, ...] = ()
    """Layers whose parameters determine all marked sizes, so that no input size helps; usually empty."""


def merge_marks(mismatches: Iterable[Mismatch]) -> dict[str, tuple[int, ...]]:
    """Return the marked dimensions of several mismatches by operand."""
    merged: dict[str, tuple[int, ...]] = {}
    for each in mismatches:
        for name, dimensions in each.marks.items():
            merged[name] = tuple(sorted({*merged.get(name, ()), *dimensions}))
    return merged
