"""Records of the operators that ran in a step, and of their costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal as OneOf

from netinspect.records.base import field_names, record
from netinspect.records.polynomial import Polynomial, add

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
"""The kinds that are counted in multiply-accumulates; their FLOPs are twice their MACs."""


@record
class WorkExpressions:
    """The numbers of `Work` as expressions in the symbols; None if one is not a polynomial."""

    macs: Polynomial | None
    flops: Polynomial | None
    elements: Polynomial | None
    bytes_read: Polynomial | None
    bytes_written: Polynomial | None


@record
class CostExpressions:
    """The numbers of `Cost` as expressions in the symbols; None if one is not a polynomial."""

    macs: Polynomial | None
    flops: Polynomial | None
    other_flops: Polynomial | None
    activations: Polynomial | None
    bytes_read: Polynomial | None
    bytes_written: Polynomial | None


@record
class Work:
    """All calls of one operator within one step."""

    operator: str
    """Namespace and name without the overload, such as `aten.convolution`."""

    kind: Kind
    """The kind of the operator; `unknown` if there is no counting rule for it."""

    calls: int
    macs: int | None
    """Multiply-accumulates of products, without bias; None if they could not be counted."""

    flops: int | None
    """Floating-point operations: twice the MACs of a product; for any other operator, its arithmetic by
    the convention of its kind; None if they could not be counted."""

    elements: int
    """Elements of the outputs; for a fused attention or recurrent kernel, of the products within it."""

    bytes_read: int
    bytes_written: int
    """Bytes of inputs and outputs, as if each tensor was read or written once as a whole."""

    expressions: WorkExpressions | None = None
    """The same numbers in the symbols of the trace; None without symbols."""


@record
class Cost:
    """The total of some work."""

    macs: int = 0
    flops: int = 0
    """FLOPs of the operators that have MACs, two for each MAC."""

    other_flops: int = 0
    """FLOPs of all other operators."""

    activations: int = 0
    """Elements of the outputs of products."""

    bytes_read: int = 0
    bytes_written: int = 0
    uncounted: int = 0
    """Calls of operators whose MACs could not be counted: with any, the numbers are lower bounds."""

    uncounted_flops: int = 0
    """Calls of operators whose other arithmetic could not be counted, including those without MACs."""

    expressions: CostExpressions | None = None
    """The same numbers in the symbols of the trace; None without symbols, or without work."""

    @property
    def intensity(self) -> float:
        """Floating-point operations for each byte that is read or written; 0 without such bytes."""
        moved = self.bytes_read + self.bytes_written
        return (self.flops + self.other_flops) / moved if moved else 0.0


def sum_of(costs: Iterable[Cost]) -> Cost:
    """Return the sum of costs."""
    numbers = [name for name in field_names(Cost) if name != "expressions"]
    totals = dict.fromkeys(numbers, 0)
    symbolic = []
    for cost in costs:
        for name in numbers:
            totals[name] += getattr(cost, name)
        if cost.expressions is not None:
            symbolic.append(cost.expressions)
    expressions = None
    if symbolic:
        names = field_names(CostExpressions)
        expressions = CostExpressions(
            **{name: add(getattr(each, name) for each in symbolic) for name in names}
        )
    return Cost(**totals, expressions=expressions)
