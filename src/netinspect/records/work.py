"""What one step did: which of torch's operators ran in it, how often, and what they cost."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record

Kind = OneOf[
    "matrix_product",
    "convolution",
    "attention",
    "recurrent",
    "elementwise",
    "normalization",
    "softmax",
    "pooling",
    "interpolation",
    "reduction",
    "fft",
    "sorting",
    "random",
    "data_movement",
    "unknown",
]

PRODUCTS = ("matrix_product", "convolution", "attention", "recurrent")
"""The kinds whose work is multiply-accumulates; their FLOPs are twice their MACs."""


@record
class Work:
    """All calls of one operator within one step."""

    operator: str
    """Such as `aten.convolution`: namespace and name, without the overload."""

    kind: Kind
    """The class of operators that it belongs to; `unknown` where we have no formula for it."""

    calls: int
    macs: int | None
    """Multiply-accumulates of products, without bias; None where they could not be counted."""

    flops: int | None
    """Floating-point operations: twice the MACs of a product, the arithmetic of any other operator in
    the convention of its kind; None where they could not be counted."""

    elements: int
    """Elements of the outputs; of a fused attention or recurrent kernel, of the products within it."""

    bytes_read: int
    bytes_written: int
    """Bytes of inputs and outputs, as if each tensor was read and written once, whole."""


@record
class Cost:
    """What some work adds up to."""

    macs: int = 0
    flops: int = 0
    """Of what the MACs are counted of: two for each."""

    other_flops: int = 0
    """Of all other operators."""

    activations: int = 0
    """Elements that products gave out."""

    bytes_read: int = 0
    bytes_written: int = 0
    uncounted: int = 0
    """Calls of operators whose MACs could not be counted: with any, the numbers are lower bounds."""

    uncounted_flops: int = 0
    """Calls of operators whose other arithmetic could not be counted, those above among them."""

    @property
    def intensity(self) -> float:
        """Floating-point operations for each byte that is read or written; 0 where none is."""
        moved = self.bytes_read + self.bytes_written
        return (self.flops + self.other_flops) / moved if moved else 0.0
