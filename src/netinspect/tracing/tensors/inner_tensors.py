"""Inner tensors of sparse, quantized and wrapper tensors, and the memory that a tensor takes.

A tensor class with its own `__torch_dispatch__` usually wraps other tensors and has no memory itself.
A class of an installed package names them in `__tensor_flatten__`. For a user's class, its attributes
are read instead, so that none of its code runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from netinspect._utils.classes import defining_module, plain_name
from netinspect.tracing.safe_access import (
    by_class,
    class_attribute,
    dictionary_of,
    dispatches,
    is_a,
    is_users_class,
    slots_of,
    values_of,
)

NO_STORAGE = (RuntimeError, NotImplementedError, ValueError)
"""Exceptions of torch for tensors without a shape or without memory."""

COMPRESSED_ROWS = (torch.sparse_csr, torch.sparse_bsr)
COMPRESSED_COLUMNS = (torch.sparse_csc, torch.sparse_bsc)
SPARSE = (torch.sparse_coo, *COMPRESSED_ROWS, *COMPRESSED_COLUMNS)
QUANTIZED = frozenset((torch.qint8, torch.quint8, torch.qint32, torch.quint4x2, torch.quint2x4))

_PLAIN_TENSORS = frozenset(map(id, (torch.Tensor, torch.nn.Parameter)))
_STRIDED = torch.strided
_PER_CHANNEL = (torch.per_channel_affine, torch.per_channel_affine_float_qparams)
_SEQUENCES = frozenset(map(id, (tuple, list)))
_MAXIMUM_DEPTH = 8
"""Maximum depth of nested wrapper tensors."""

quietly: Callable[[], Any] = getattr(torch._C, "_DisableTorchDispatch", contextlib.nullcontext)
"""Context in which no `__torch_dispatch__` is called, neither of a mode nor of a class."""

Inner = dict[str, torch.Tensor]


@by_class
def is_fake_class(cls: Any) -> bool:
    """Return whether a class is one of torch's fake tensors, which represent plain tensors."""
    return defining_module(cls).startswith("torch._subclasses.")


@by_class
def may_wrap(cls: Any) -> bool:
    """Return whether tensors of a class may wrap other tensors."""
    return dispatches(cls) and not is_fake_class(cls)


def is_plain(tensor: torch.Tensor) -> bool:
    """Return whether a tensor is strided and neither quantized, nested nor a wrapper."""
    if id(type(tensor)) not in _PLAIN_TENSORS and may_wrap(type(tensor)):
        return False
    return tensor.layout is _STRIDED and tensor.dtype not in QUANTIZED and not tensor.is_nested


def layout_name(tensor: torch.Tensor) -> str:
    """Return torch's name of a layout, `quantized`, `nested`, or the name of a wrapping class."""
    if may_wrap(type(tensor)):
        return plain_name(type(tensor))
    if tensor.layout is not torch.strided:
        return str(tensor.layout).removeprefix("torch.")
    return "quantized" if tensor.is_quantized else "nested" if tensor.is_nested else "strided"


def is_sparse(tensor: torch.Tensor) -> bool:
    """Return whether a tensor stores only some of its elements."""
    return tensor.layout in SPARSE


def wraps(tensor: torch.Tensor) -> bool:
    """Return whether a tensor has no memory itself, only its inner tensors."""
    if not may_wrap(type(tensor)):
        return False
    try:
        storage = torch.Tensor.untyped_storage(tensor)
        if storage.device.type != "meta":
            storage.data_ptr()  # raises for a wrapper
            return False
    except NO_STORAGE:
        return True
    return bool(_wrapped_tensors(tensor))


def inner_tensors(tensor: torch.Tensor) -> Inner:
    """Return the inner tensors of a tensor by name; empty if it has none.

    A nested tensor of the strided layout has its values in its own memory.
    """
    if is_lazy(tensor):
        return {}
    if may_wrap(type(tensor)):
        return _wrapped_tensors(tensor) if wraps(tensor) else {}
    with contextlib.nullcontext() if is_fake_class(type(tensor)) else quietly():
        return dict(_parts(tensor))


def _parts(tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    layout = tensor.layout
    if layout is torch.sparse_coo:
        yield from (("indices", tensor._indices()), ("values", tensor._values()))
    elif layout in COMPRESSED_ROWS:
        yield from (("crow_indices", tensor.crow_indices()), ("col_indices", tensor.col_indices()))
        yield "values", tensor.values()
    elif layout in COMPRESSED_COLUMNS:
        yield from (("ccol_indices", tensor.ccol_indices()), ("row_indices", tensor.row_indices()))
        yield "values", tensor.values()
    elif tensor.is_quantized and tensor.qscheme() in _PER_CHANNEL:
        yield "scales", tensor.q_per_channel_scales()
        yield "zero_points", tensor.q_per_channel_zero_points()


def _wrapped_tensors(tensor: torch.Tensor) -> Inner:
    """Return the tensors in a wrapper tensor, by attribute name."""
    cls = type(tensor)
    flatten = class_attribute(cls, "__tensor_flatten__")
    if flatten is not None and not is_users_class(cls):
        try:
            names, _ = flatten(tensor)
            # There may be other objects, such as the mesh of a distributed tensor.
            found = {name: getattr(tensor, name) for name in names}
            return {name: each for name, each in found.items() if is_a(each, torch.Tensor)}
        except Exception:  # an incomplete class of a library
            pass
    attributes = dict(dictionary_of(tensor) or {})
    attributes |= {_name_of(descriptor): content for descriptor, content in slots_of(tensor)}
    return dict(_tensors_in(attributes))


def _name_of(descriptor: Any) -> str:
    return str(descriptor.__name__)


def _tensors_in(attributes: dict[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in attributes.items():
        if is_a(value, torch.Tensor):
            yield name, value
        elif id(type(value)) in _SEQUENCES:
            yield from _tensors_in({f"{name}.{index}": each for index, each in enumerate(value)})


def memory_of(tensor: torch.Tensor, _depth: int = 0) -> Iterator[torch.Tensor]:
    """Yield the inner tensors that have memory, or the tensor itself."""
    inner = inner_tensors(tensor) if _depth < _MAXIMUM_DEPTH else {}
    if not inner or tensor.is_quantized:
        yield tensor
    for each in values_of(inner):
        yield from memory_of(each, _depth + 1)


def bytes_of(tensor: torch.Tensor) -> int:
    """Return the bytes that a tensor takes, with its inner tensors and each memory once.

    A tensor with several elements at one address, as after `expand`, takes at most its storage.
    """
    parts = {memory_key(part): part for part in memory_of(tensor)}
    return sum(map(_own_bytes, parts.values()))


def _own_bytes(tensor: torch.Tensor) -> int:
    if is_lazy(tensor):
        return 0
    elements = tensor.numel()
    size: int = elements * tensor.dtype.itemsize if type(elements) is int else 0
    try:
        return min(size, torch.Tensor.untyped_storage(tensor).nbytes())
    except NO_STORAGE:  # a layout such as oneDNN's, or a class that hides its inner tensors
        return size


def is_empty(tensor: torch.Tensor) -> bool:
    """Return whether a tensor has no elements."""
    return not is_lazy(tensor) and tensor.numel() == 0


def memory_key(tensor: torch.Tensor) -> Any:
    """Return a key that is equal for tensors which cover the same elements of the same storage.

    Storages are identified by the address of their object in torch, because storages on the meta device
    have no data pointer.
    """
    if is_empty(tensor):
        return id(tensor)
    try:
        elements = tensor.numel()
        storage = tensor.untyped_storage()._cdata
        if tensor.is_contiguous():
            runs = ((1, elements),) if elements > 1 else ()
            return storage, tensor.storage_offset(), tensor.dtype, runs
        dimensions = sorted(zip(tensor.stride(), tensor.shape, strict=True), reverse=True)
        # Adjacent dimensions are joined, from the widest stride on, so that a tensor, its transpose and
        # its flat view have one key.
        joined: list[tuple[int, int]] = []
        for stride, size in dimensions:
            if joined and size > 1 and joined[-1][0] == stride * size:
                joined[-1] = stride, joined[-1][1] * size
            elif size > 1:
                joined.append((stride, size))
        return storage, tensor.storage_offset(), tensor.dtype, tuple(joined)
    except NO_STORAGE:
        # Uninitialized tensors have no storage to compare.
        return id(tensor)
