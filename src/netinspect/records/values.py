"""Records of inputs and outputs: tensors and other values in their nested structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from netinspect.records.base import record


@record
class Layout:
    """The layout of a tensor that is not strided, or that wraps other tensors."""

    name: str
    """torch's name of the layout, such as `sparse_coo`, or `quantized`, or `nested`; the name of the
    class for a tensor that wraps others."""

    elements: int | None = None
    """Number of elements if the shape does not determine it, as for a nested tensor."""

    stored: int | None = None
    """Elements that a sparse tensor stores; all others are zero."""

    inner: tuple[str, ...] = ()
    """The inner tensors, each as `values float32 (3)`."""


@record
class TensorSpec:
    """Shape, dtype, device and layout of one tensor, without its values.

    Source: `Tensor.shape`, `Tensor.dtype`, `Tensor.device` as torch reports them.
    """

    kind: ClassVar[str] = "tensor"

    shape: tuple[int | str, ...]
    """Sizes. A string is an expression in the symbols of the trace such as `4*N`, or a number such as
    `5?` for a size that depends on the symbols, was 5 in this trace, and is not a polynomial in them."""

    dtype: str
    """torch's name without its prefix, such as `float32`."""

    device: str
    """torch's name of the device, such as `cpu`, `cuda:0` or `meta`."""

    bytes: int
    """Bytes of the traced tensor: elements times bytes of an element; for a tensor that wraps others,
    the sum of theirs; for a parameter or buffer, at most its storage. 0 if the shape is unknown."""

    layout: Layout | None = None
    """None for a plain strided tensor."""

    @property
    def elements(self) -> int:
        """Number of elements of the traced tensor; 0 if its shape is unknown.

        For a sparse tensor it includes the elements that are not stored.
        """
        if self.layout is not None and self.layout.elements is not None:
            return self.layout.elements
        total = 1
        for size in self.shape:
            if not isinstance(size, int):
                # The bytes are those of the traced size.
                bits = re.search(r"\d+", self.dtype)
                return self.bytes // max(1, int(bits[0]) // 8 if bits else 1)
            total *= size
        return total


@record
class Literal:
    """A value without tensors: a number, a string, None, a tuple of numbers."""

    kind: ClassVar[str] = "literal"

    type: str
    """Name of its Python type."""

    text: str
    """Its `repr`, shortened; only the type in angle brackets if the `repr` is not useful."""


@record
class Structure:
    """A container or object that holds tensors; its entries have their own order and names."""

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
    """Yield every tensor of a value, depth first, in the order of its entries."""
    if isinstance(value, TensorSpec):
        yield value
    elif isinstance(value, Structure):
        for item in value.items:
            yield from tensors_in(item.value)
