"""What a model was given and what it returned, as plain data: tensors in their nested structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from netinspect.records.base import record


@record
class Layout:
    """How a tensor is stored whose elements are not simply one after another in one memory."""

    name: str
    """torch's name of the layout, such as `sparse_coo`, or `quantized`, or `nested`; of a tensor that
    wraps others, the name of its class."""

    elements: int | None = None
    """Number of elements where the shape does not give it, as that of a nested tensor."""

    stored: int | None = None
    """Elements that a sparse tensor stores; all others are zero."""

    inner: tuple[str, ...] = ()
    """The tensors that it is made of, each as `values float32 (3)`."""


@record
class TensorSpec:
    """The outside of one tensor; its values are not kept.

    Source: `Tensor.shape`, `Tensor.dtype`, `Tensor.device` as torch reports them.
    """

    kind: ClassVar[str] = "tensor"

    shape: tuple[int | str, ...]
    """Sizes; a string where a size is not a number: an expression in the symbols of the trace such as
    `4*N`, or `5?` for one that moves with them, was 5 in this trace, and is not a polynomial in them."""

    dtype: str
    """torch's name without its prefix, such as `float32`."""

    device: str
    """Such as `cpu`, `cuda:0` or `meta`."""

    bytes: int
    """Of the very tensor that was seen: elements times bytes an element; of a tensor that is made of
    others, the sum of theirs; of a parameter or buffer no more than its storage. 0 where its shape is
    unknown."""

    layout: Layout | None = None
    """None if it is strided and plain, as most are."""

    @property
    def elements(self) -> int:
        """Number of elements of the very tensor that was seen; 0 where its shape is unknown.

        Those of a sparse tensor are all, also those that it does not store.
        """
        if self.layout is not None and self.layout.elements is not None:
            return self.layout.elements
        total = 1
        for size in self.shape:
            if not isinstance(size, int):
                # Its bytes report the size that an expression had.
                bits = re.search(r"\d+", self.dtype)
                return self.bytes // max(1, int(bits[0]) // 8 if bits else 1)
            total *= size
        return total


@record
class Literal:
    """A value that is not a tensor and holds none: a number, a string, None, a tuple of numbers."""

    kind: ClassVar[str] = "literal"

    type: str
    """Name of its Python type."""

    text: str
    """Its `repr`, shortened; or only the type in angle brackets if a `repr` is not useful."""


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
