"""Live values to records: tensors to their specs, containers to their structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from netinspect.records import values

_MAXIMUM_DEPTH = 8
_MAXIMUM_TEXT = 60
_SCALARS = (type(None), bool, int, float, complex, str, bytes, type(...))
_PLAIN = (*_SCALARS, torch.dtype, torch.device, torch.layout, torch.memory_format, slice)


def tensor_spec(tensor: torch.Tensor) -> values.TensorSpec:
    """Describe one tensor without reading its values."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    device = str(tensor.device)
    if isinstance(tensor, (UninitializedParameter, UninitializedBuffer)):
        return values.TensorSpec(shape=("?",), dtype=dtype, device=device, bytes=0)
    shape = tuple(tensor.shape)
    return values.TensorSpec(
        shape=shape, dtype=dtype, device=device, bytes=tensor.numel() * tensor.element_size()
    )


def describe(value: Any, _depth: int = 0) -> values.Value:
    """Describe any value: its tensors, and the containers and objects that hold them."""
    if isinstance(value, torch.Tensor):
        return tensor_spec(value)
    if isinstance(value, _PLAIN):
        return _literal(value)
    if _depth >= _MAXIMUM_DEPTH:
        return values.Literal(type=type(value).__name__, text="<nested too deeply>")
    entries = list(_entries(value))
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


def describe_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> values.Structure:
    """Describe the arguments of a call: positions first, then names."""
    items = [values.Item(key=str(index), value=describe(value)) for index, value in enumerate(args)]
    items += [values.Item(key=name, value=describe(value)) for name, value in kwargs.items()]
    return values.Structure(type="arguments", items=tuple(items))


def tensors_of(value: Any, _depth: int = 0) -> Iterator[torch.Tensor]:
    """Yield the live tensors of a value, in the order in which `describe` tells them."""
    if isinstance(value, torch.Tensor):
        yield value
    elif not isinstance(value, _PLAIN) and _depth < _MAXIMUM_DEPTH:
        for _, entry in _entries(value):
            yield from tensors_of(entry, _depth + 1)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield str(key), entry
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=False)
    elif isinstance(value, (tuple, list)):
        for index, entry in enumerate(value):
            yield str(index), entry
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name, None)
    elif not isinstance(value, (type, torch.nn.Module)) and hasattr(value, "__dict__"):
        # Any other object is told only by the tensors that it holds, as a distribution does.
        for name, entry in vars(value).items():
            if isinstance(entry, torch.Tensor):
                yield name, entry


def _is_plain_sequence(value: tuple[Any, ...] | list[Any]) -> bool:
    return all(
        isinstance(entry, _PLAIN) or (isinstance(entry, (tuple, list)) and _is_plain_sequence(entry))
        for entry in value
    )


def _literal(value: Any) -> values.Literal:
    text = repr(tuple(value)) if isinstance(value, torch.Size) else repr(value)
    if len(text) > _MAXIMUM_TEXT:
        text = text[: _MAXIMUM_TEXT - 3] + "..."
    return values.Literal(type=type(value).__name__, text=text)
