"""Live values to records: tensors to their specs, containers to their structure."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from netinspect.observe.packed import packed_tensors
from netinspect.records import values

_MAXIMUM_DEPTH = 8
_MAXIMUM_TEXT = 60
# In two forms: most values are of one of these very types, and a set answers that fastest.
_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
_PLAIN = (*_SCALARS, torch.dtype, torch.device, torch.layout, torch.memory_format, slice)


# Inside the transforms of torch.func, a tensor is a wrapper that hides a dimension that is mapped over.
_functorch: Any = torch._C._functorch
_is_wrapped = _functorch.is_functorch_wrapped_tensor


def is_uninitialised(tensor: torch.Tensor) -> bool:
    """Whether a parameter or buffer of a lazy layer still waits for its size."""
    return isinstance(tensor, (UninitializedParameter, UninitializedBuffer))


def tensor_spec(tensor: torch.Tensor) -> values.TensorSpec:
    """Describe one tensor without reading its values."""
    dtype, device = _dtype_name(tensor.dtype), _device_name(tensor.device)
    if is_uninitialised(tensor):
        return values.TensorSpec(shape=("?",), dtype=dtype, device=device, bytes=0)
    try:
        shape: tuple[int | str, ...] = tuple(tensor.shape)
        size = tensor.numel() * tensor.element_size()
        if _is_wrapped(tensor):
            mapped = _mapped_sizes(tensor)
            shape, size = (*mapped, *shape), size * math.prod(mapped)
    except (RuntimeError, NotImplementedError, ValueError):  # a nested tensor has rows of all sizes
        return values.TensorSpec(shape=("?",), dtype=dtype, device=device, bytes=0)
    if not {type(size), *map(type, shape)} <= {int}:
        # Sizes can be symbols, as the length of a jagged tensor is.
        shape = tuple(each if type(each) is int else str(each) for each in shape)
        size = 0
    return values.TensorSpec(shape=shape, dtype=dtype, device=device, bytes=size)


def _mapped_sizes(tensor: torch.Tensor) -> tuple[int, ...]:
    """The sizes of the dimensions that `torch.vmap` hides, outermost first."""
    sizes: list[int] = []
    while _is_wrapped(tensor):
        inner = _functorch.get_unwrapped(tensor)
        if _functorch.is_batchedtensor(tensor):
            sizes.insert(0, inner.shape[_functorch.maybe_get_bdim(tensor)])
        tensor = inner
    return tuple(sizes)


@functools.cache
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@functools.cache
def _device_name(device: torch.device) -> str:
    return str(device)


def describe(value: Any, _depth: int = 0) -> values.Value:
    """Describe any value: its tensors, and the containers and objects that hold them."""
    if isinstance(value, torch.Tensor):
        return tensor_spec(value)
    if type(value) in _SCALARS or isinstance(value, _PLAIN):
        return _literal(value)
    if _depth >= _MAXIMUM_DEPTH:
        return values.Literal(type=type(value).__name__, text="<nested too deeply>")
    if type(value) is torch.ScriptObject:
        return _packed(value)
    entries = _entries(value)
    if entries or isinstance(value, (tuple, list, Mapping)):
        if isinstance(value, (tuple, list)) and _is_plain_sequence(value):
            return _literal(value)
        return values.Structure(
            type=type(value).__name__,
            items=tuple(
                values.Item(key=key, value=describe(entry, _depth + 1)) for key, entry in entries
            ),
        )
    name = type(value).__name__
    return values.Literal(type=name, text=f"<{name}>")


def _packed(value: torch.ScriptObject) -> values.Value:
    """Describe an object of a C++ class: by the tensors packed in it, where it tells them."""
    name = str(value).rstrip(">").rpartition(".")[2]
    items = tuple(
        values.Item(key=key, value=tensor_spec(tensor)) for key, tensor in packed_tensors(value)
    )
    return (
        values.Structure(type=name, items=items)
        if items
        else values.Literal(type=name, text=f"<{name}>")
    )


def describe_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> values.Structure:
    """Describe the arguments of a call: positions first, then names."""
    items = [values.Item(key=str(index), value=describe(value)) for index, value in enumerate(args)]
    items += [values.Item(key=name, value=describe(value)) for name, value in kwargs.items()]
    return values.Structure(type="arguments", items=tuple(items))


def tensors_of(value: Any, _depth: int = 0) -> Iterator[torch.Tensor]:
    """Yield the live tensors of a value, in the order in which `describe` tells them."""
    if isinstance(value, torch.Tensor):
        yield value
    elif type(value) not in _SCALARS and not isinstance(value, _PLAIN) and _depth < _MAXIMUM_DEPTH:
        for _, entry in _entries(value):
            yield from tensors_of(entry, _depth + 1)


def _entries(value: Any) -> list[tuple[str, Any]]:
    """What a container or object holds, with its own names; nothing where it cannot be read."""
    if type(value) is tuple or type(value) is list:
        return [(str(index), entry) for index, entry in enumerate(value)]
    try:
        return list(_entries_of_object(value))
    except Exception:  # the object's own code; a look at it must not fail the run
        return []


def _entries_of_object(value: Any) -> Iterator[tuple[str, Any]]:
    is_dataclass = dataclasses.is_dataclass(value) and not isinstance(value, type)
    if isinstance(value, Mapping) and (value or not is_dataclass):
        for key, entry in value.items():
            yield str(key), entry
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=False)
    elif isinstance(value, (tuple, list)):
        for index, entry in enumerate(value):
            yield str(index), entry
    elif is_dataclass:
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name, None)
    elif not isinstance(value, (type, torch.nn.Module)) and hasattr(value, "__dict__"):
        # Any other object is told only by the tensors that it holds, itself or in a container. The
        # objects in it are not entered, since they may be anything, except for distributions.
        for name, entry in vars(value).items():
            if isinstance(entry, torch.Tensor) or (
                isinstance(entry, (tuple, list, dict, torch.distributions.Distribution))
                and next(tensors_of(entry, _MAXIMUM_DEPTH - 3), None) is not None
            ):
                yield name, entry


def _is_plain_sequence(value: tuple[Any, ...] | list[Any]) -> bool:
    return all(
        isinstance(entry, _PLAIN) or (isinstance(entry, (tuple, list)) and _is_plain_sequence(entry))
        for entry in value
    )


def _literal(value: Any) -> values.Literal:
    whole = value
    if isinstance(value, torch.Size):
        value = tuple(value)
    if isinstance(value, (str, bytes, tuple, list)) and len(value) > _MAXIMUM_TEXT:
        value = value[:_MAXIMUM_TEXT]  # every entry is at least one character of the text
    try:
        text = repr(value)
    except Exception:  # a subclass of the user's
        text = f"<{type(value).__name__}>"
    if len(text) > _MAXIMUM_TEXT:
        text = text[: _MAXIMUM_TEXT - 3] + "..."
    return values.Literal(type=type(whole).__name__, text=text)
