"""The tensors inside sparse, quantized and wrapping tensors, and the bytes that a tensor takes.

A tensor of a class with a `__torch_dispatch__` of its own usually wraps others and has no memory itself.
A class of an installed package is asked which they are, by `__tensor_flatten__`; of a class of the
user's the attributes are read, so that none of its code runs.
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
"""What torch raises where a tensor is asked for its shape or memory and has none, of some kinds."""

COMPRESSED_ROWS = (torch.sparse_csr, torch.sparse_bsr)
COMPRESSED_COLUMNS = (torch.sparse_csc, torch.sparse_bsc)
SPARSE = (torch.sparse_coo, *COMPRESSED_ROWS, *COMPRESSED_COLUMNS)
QUANTIZED = frozenset((torch.qint8, torch.quint8, torch.qint32, torch.quint4x2, torch.quint2x4))

_USUAL = frozenset(map(id, (torch.Tensor, torch.nn.Parameter)))
_STRIDED = torch.strided
_PER_CHANNEL = (torch.per_channel_affine, torch.per_channel_affine_float_qparams)
_SEQUENCES = frozenset(map(id, (tuple, list)))
_MAXIMUM_DEPTH = 8
"""How many tensors may be wrapped around one another."""

quietly: Callable[[], Any] = getattr(torch._C, "_DisableTorchDispatch", contextlib.nullcontext)
"""While entered, no `__torch_dispatch__` is called: of a mode that counts operators, or of a class."""

Inner = dict[str, torch.Tensor]


@by_class
def is_fake_class(cls: Any) -> bool:
    """Return whether a class is torch's own for tensors without data, which represent plain ones."""
    return defining_module(cls).startswith("torch._subclasses.")


@by_class
def may_wrap(cls: Any) -> bool:
    """Return whether tensors of a class may be made of others."""
    return dispatches(cls) and not is_fake_class(cls)


def is_plain(tensor: torch.Tensor) -> bool:
    """Return whether all of a tensor is in one memory, with each element for itself."""
    if id(type(tensor)) not in _USUAL and may_wrap(type(tensor)):
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
    """Return whether a tensor has no memory itself, but those of the tensors that it is made of."""
    if not may_wrap(type(tensor)):
        return False
    try:
        storage = torch.Tensor.untyped_storage(tensor)
        if storage.device.type != "meta":
            storage.data_ptr()  # raises for a wrapper
            return False
    except NO_STORAGE:
        return True
    return bool(_held(tensor))


def inner_tensors(tensor: torch.Tensor) -> Inner:
    """Return the tensors that a tensor is made of, by name; empty for one that is made of none.

    A nested tensor of torch's older kind has its values in its own memory.
    """
    if is_lazy(tensor):
        return {}
    if may_wrap(type(tensor)):
        return _held(tensor) if wraps(tensor) else {}
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


def _held(tensor: torch.Tensor) -> Inner:
    """Return the tensors that one of a wrapping class holds."""
    cls = type(tensor)
    flatten = class_attribute(cls, "__tensor_flatten__")
    if flatten is not None and not is_users_class(cls):
        try:
            names, _ = flatten(tensor)
            # Among them can be other objects, such as the mesh of a distributed tensor.
            found = {name: getattr(tensor, name) for name in names}
            return {name: each for name, each in found.items() if is_a(each, torch.Tensor)}
        except Exception:  # a class of a library that is not complete
            pass
    held = dict(dictionary_of(tensor) or {})
    held |= {_name_of(descriptor): content for descriptor, content in slots_of(tensor)}
    return dict(_tensors_in(held))


def _name_of(descriptor: Any) -> str:
    return str(descriptor.__name__)


def _tensors_in(held: dict[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in held.items():
        if is_a(value, torch.Tensor):
            yield name, value
        elif id(type(value)) in _SEQUENCES:
            yield from _tensors_in({f"{name}.{index}": each for index, each in enumerate(value)})


def memory_of(tensor: torch.Tensor, _depth: int = 0) -> Iterator[torch.Tensor]:
    """Yield the tensors with a memory of their own that a tensor is made of, or the tensor itself."""
    inner = inner_tensors(tensor) if _depth < _MAXIMUM_DEPTH else {}
    if not inner or tensor.is_quantized:
        yield tensor
    for each in values_of(inner):
        yield from memory_of(each, _depth + 1)


def bytes_of(tensor: torch.Tensor) -> int:
    """Return the bytes that a tensor takes: of all tensors that it is made of, each memory once.

    A tensor with several elements in one place, as `expand` makes it, takes no more than its storage.
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
    except NO_STORAGE:  # of a layout such as oneDNN's, or of a class that hides what it is made of
        return size


def is_empty(tensor: torch.Tensor) -> bool:
    """Return whether a tensor has no elements."""
    return not is_lazy(tensor) and tensor.numel() == 0


def memory_key(tensor: torch.Tensor) -> Any:
    """Return what two tensors have in common where they cover the same elements of the same storage.

    Storages are distinguished by their address in torch, which also works on the meta device, without a
    data pointer.
    """
    if is_empty(tensor):
        return id(tensor)
    try:
        elements = tensor.numel()
        storage = tensor.untyped_storage()._cdata
        if tensor.is_contiguous():  # as most are
            runs = ((1, elements),) if elements > 1 else ()
            return storage, tensor.storage_offset(), tensor.dtype, runs
        dimensions = sorted(zip(tensor.stride(), tensor.shape, strict=True), reverse=True)
        # Dimensions from the widest stride, joined where one runs on where the next one ends: the
        # same for a tensor, its transpose and its flat view.
        joined: list[tuple[int, int]] = []
        for stride, size in dimensions:
            if joined and size > 1 and joined[-1][0] == stride * size:
                joined[-1] = stride, joined[-1][1] * size
            elif size > 1:
                joined.append((stride, size))
        return storage, tensor.storage_offset(), tensor.dtype, tuple(joined)
    except NO_STORAGE:
        # Uninitialised tensors have no storage to compare.
        return id(tensor)
