"""What a model was given and what it returned, as plain data: tensors in their nested structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from netinspect.records.base import record


@record
class TensorSpec:
    """The outside of one tensor; its values are not kept.

    Source: `Tensor.shape`, `Tensor.dtype`, `Tensor.device` as torch reports them.
    """

    kind: ClassVar[str] = "tensor"

    shape: tuple[int | str, ...]
    """Sizes; a string where a size is not a number: an expression in the symbols of the look such as
    `4*N`, or `5?` for one that moves with them, was 5 in this look, and is no polynomial in them."""

    dtype: str
    """torch's name without its prefix, such as `float32`."""

    device: str
    """Such as `cpu`, `cuda:0` or `meta`."""

    bytes: int
    """Elements times bytes an element, of the very tensor that was seen; 0 where its shape is
    unknown."""

    @property
    def elements(self) -> int:
        """Number of elements of the very tensor that was seen; 0 where its shape is unknown."""
        total = 1
        for size in self.shape:
            if not isinstance(size, int):
                # Its bytes tell the size that an expression had.
                bits = re.search(r"\d+", self.dtype)
                return self.bytes // max(1, int(bits[0]) // 8 if bits else 1)
            total *= size
        return total


@record
class Literal:
    """A value that is no tensor and holds none: a number, a string, None, a tuple of numbers."""

    kind: ClassVar[str] = "literal"

    type: str
    """Name of its Python type."""

    text: str
    """Its `repr`, shortened; or only the type in angle brackets where a `repr` would say nothing."""


@record
class Structure:
    """A container or object that holds tensors, with its own order and names."""

    kind: ClassVar[str] = "structure"

    type: str
    """Name of its Python type: `tuple`, `list`, `dict`, or a class such as `Normal`."""

    items: tuple[Item, ...]


@record
class Item:
    """One entry of a `Structure`."""

    key: str
    """Position, key or attribute name."""

    value: Value


Value = TensorSpec | Structure | Literal


def tensors_in(value: Value | None) -> Iterator[TensorSpec]:
    """Yield every tensor of a value, depth first, in its own order."""
    if isinstance(value, TensorSpec):
        yield value
    elif isinstance(value, Structure):
        for item in value.items:
            yield from tensors_in(item.value)
