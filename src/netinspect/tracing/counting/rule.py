"""A rule: to which class an operator belongs, and how to count one call of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from typing import Literal as OneOf

import torch

from netinspect.records.work import Kind

Args = Sequence[Any]
Kwargs = Mapping[str, Any]


class Count(NamedTuple):
    """What one call of an operator costs; None if that cannot be known."""

    macs: int | None = 0
    flops: int | None = 0
    elements: int | None = None
    """Elements that count as given out, where they are not those of the first output."""

    by_stored: bool = False
    """Whether a sparse operand was counted by the elements that it stores."""


class UncountableError(Exception):
    """A call whose operands are not of the kind that its formula is for."""


Formula = Callable[[Args, Kwargs, Any], Count]

NOTHING = Count()
UNKNOWN = Count(None, None)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the calls of one operator are counted."""

    kind: Kind
    formula: Formula
    reads: OneOf["all", "selected", "rows", "sources"] = "all"
    """What is read: every operand; of the first one only what is given out, as in a lookup, or a row
    for each index in the second one; or every operand but the first, which is only written to."""

    parts: bool = False
    """Whether it only calls functions that it is given, whose operators are counted instead."""

    decomposes: bool = False
    """Whether torch has it as a composition of others, which are then counted instead."""


def products(macs: int, out: Any, elements: int | None = None) -> Count:
    """Count multiply-accumulates; one of complex numbers is four of real ones."""
    first = out[0] if isinstance(out, (tuple, list)) else out
    if isinstance(first, torch.Tensor) and first.is_complex():
        macs *= 4
    return Count(macs, 2 * macs, elements)


def no_arithmetic(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count nothing."""
    return NOTHING


def unknown(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Describe that it cannot be counted."""
    return UNKNOWN


def unknown_flops(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Describe that there are no products in it, and that the rest cannot be counted."""
    return Count(0, None)


def per_output(operations: int) -> Formula:
    """Count so many operations for each element of the first output."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return Count(0, operations * elements_of(out))

    return count


def per_input(operations: int) -> Formula:
    """Count so many operations for each element of the first operand."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return Count(0, operations * elements_of(argument(args, kwargs, 0, "self")))

    return count


def elements_of(value: Any) -> int:
    """Elements of a tensor, of the first of a tuple of outputs, or of all in a list.

    Of a sparse tensor they are those that it stores.
    """
    if isinstance(value, torch.Tensor):
        return (value if value.layout is torch.strided else stored(value)[0]).numel()
    if isinstance(value, tuple):
        return elements_of(value[0]) if value else 0
    if isinstance(value, list):
        return sum(map(elements_of, value))
    return 0


def stored(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return what a tensor is made of: a sparse one of its elements, and of where they are."""
    layout = tensor.layout
    if layout is torch.sparse_coo:
        return tensor._values(), tensor._indices()
    if layout is torch.sparse_csr or layout is torch.sparse_bsr:
        return tensor.values(), tensor.crow_indices(), tensor.col_indices()
    if layout is torch.sparse_csc or layout is torch.sparse_bsc:
        return tensor.values(), tensor.ccol_indices(), tensor.row_indices()
    return (tensor,)


def components(tensor: torch.Tensor) -> list[list[int]]:
    """Return the sizes of each tensor in a nested one of the strided layout."""
    sizes: list[list[int]] = tensor._nested_tensor_size().tolist()
    return sizes


def argument(args: Args, kwargs: Kwargs, index: int, name: str, default: Any = None) -> Any:
    """Return an argument by its position or name; torch leaves those out that have their default."""
    return args[index] if index < len(args) else kwargs.get(name, default)


def dense(tensor: Any) -> torch.Tensor:
    """Return an operand, if its shape reports how much work there is in it.

    Raises:
        UncountableError: It is sparse, nested, or no tensor at all.
    """
    if not isinstance(tensor, torch.Tensor) or tensor.is_nested or tensor.is_sparse:
        raise UncountableError
    if tensor.layout is not torch.strided and not tensor.is_mkldnn:
        raise UncountableError
    return tensor


def product(sizes: Iterable[int]) -> int:
    """Multiply sizes."""
    return math.prod(sizes)
