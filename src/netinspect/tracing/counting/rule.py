"""Counting rules: kind of an operator, and cost of one call."""

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
    """Cost of one operator call; None for an unknown cost."""

    macs: int | None = 0
    flops: int | None = 0
    elements: int | None = None
    """Number of output elements; None for those of the first output."""

    counts_stored: bool = False
    """True if a sparse operand was counted by its stored elements."""


class UncountableError(Exception):
    """Raised for operands that a formula does not support."""


Formula = Callable[[Args, Kwargs, Any], Count]

NOTHING = Count()
UNKNOWN = Count(None, None)


@dataclass(frozen=True, slots=True)
class Rule:
    """Counting rule of one operator."""

    kind: Kind
    formula: Formula
    reads: OneOf["all", "selected", "rows", "sources"] = "all"
    """Operands that are read. `all`: every operand. `selected`: of the first operand, only as much as is
    returned, as in a lookup. `rows`: of the first operand, one row per index in the second. `sources`:
    every operand except the first, which is only written to."""

    parts: bool = False
    """True if it only calls its function arguments, whose operators are counted instead."""

    decomposes: bool = False
    """True if torch decomposes it into other operators, which are counted instead."""


def products(macs: int, out: Any, elements: int | None = None) -> Count:
    """Count multiply-accumulates. A complex one is four real ones."""
    first = out[0] if isinstance(out, (tuple, list)) else out
    if isinstance(first, torch.Tensor) and first.is_complex():
        macs *= 4
    return Count(macs, 2 * macs, elements)


def no_arithmetic(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count nothing."""
    return NOTHING


def unknown(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Return an unknown cost."""
    return UNKNOWN


def unknown_flops(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Return zero MACs and unknown FLOPs."""
    return Count(0, None)


def per_output(operations: int) -> Formula:
    """Count a number of operations per element of the first output."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return Count(0, operations * elements_of(out))

    return count


def per_input(operations: int) -> Formula:
    """Count a number of operations per element of the first operand."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return Count(0, operations * elements_of(argument(args, kwargs, 0, "self")))

    return count


def elements_of(value: Any) -> int:
    """Return the number of elements of a tensor, of the first output in a tuple, or of all in a list.

    The elements of a sparse tensor are those that it stores.
    """
    if isinstance(value, torch.Tensor):
        return (value if value.layout is torch.strided else stored(value)[0]).numel()
    if isinstance(value, tuple):
        return elements_of(value[0]) if value else 0
    if isinstance(value, list):
        return sum(map(elements_of, value))
    return 0


def stored(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the tensors that a tensor consists of: for a sparse one, values and indices."""
    layout = tensor.layout
    if layout is torch.sparse_coo:
        return tensor._values(), tensor._indices()
    if layout is torch.sparse_csr or layout is torch.sparse_bsr:
        return tensor.values(), tensor.crow_indices(), tensor.col_indices()
    if layout is torch.sparse_csc or layout is torch.sparse_bsc:
        return tensor.values(), tensor.ccol_indices(), tensor.row_indices()
    return (tensor,)


def components(tensor: torch.Tensor) -> list[list[int]]:
    """Return the sizes of each tensor in a nested tensor of the strided layout."""
    sizes: list[list[int]] = tensor._nested_tensor_size().tolist()
    return sizes


def argument(args: Args, kwargs: Kwargs, index: int, name: str, default: Any = None) -> Any:
    """Return an argument by position or name; torch omits arguments equal to their default."""
    return args[index] if index < len(args) else kwargs.get(name, default)


def dense(tensor: Any) -> torch.Tensor:
    """Return an operand, if its shape determines its cost.

    Raises:
        UncountableError: The operand is sparse, nested or not a tensor.
    """
    if not isinstance(tensor, torch.Tensor) or tensor.is_nested or tensor.is_sparse:
        raise UncountableError
    if tensor.layout is not torch.strided and not tensor.is_mkldnn:
        raise UncountableError
    return tensor


def product(sizes: Iterable[int]) -> int:
    """Multiply sizes."""
    return math.prod(sizes)
