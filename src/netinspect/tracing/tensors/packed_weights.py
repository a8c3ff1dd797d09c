"""Packed weights of quantized layers, in unregistered C++ objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from netinspect.tracing.safe_access import state_of

_PACKED = id(torch.ScriptObject)


def packed_objects(module: nn.Module) -> Iterator[tuple[str, torch.ScriptObject]]:
    """Yield the C++ objects of a module with their attribute names."""
    state = state_of(module)
    if _PACKED in map(id, map(type, state.values())):
        for name, value in state.items():
            if type(value) is torch.ScriptObject:
                yield name, value


def packed_tensors(packed: Any) -> list[tuple[str, torch.Tensor]]:
    """Unpack copies of the tensors in a C++ object; empty if it cannot be unpacked."""
    try:
        return list(_unpack(packed))
    except Exception:  # a user's class may raise any exception
        return []


def _unpack(value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if hasattr(value, "unpack"):
        unpacked = value.unpack()
        several = unpacked if isinstance(unpacked, tuple) else (unpacked,)
        for name, tensor in zip(("weight", "bias"), several, strict=False):
            if isinstance(tensor, torch.Tensor):
                yield name, tensor
    else:  # the cells of a recurrent layer expose only their whole state
        tensors: list[torch.Tensor] = []
        weights: list[Any] = []
        _sort(value.__getstate__(), tensors, weights)
        for number, weight in enumerate(weights):
            yield from ((f"{number}.{name}", tensor) for name, tensor in _unpack(weight))
        if not weights:
            yield from ((str(number), tensor) for number, tensor in enumerate(tensors))


def _sort(state: Any, tensors: list[torch.Tensor], packed: list[Any]) -> None:
    if isinstance(state, torch.Tensor):
        tensors.append(state)
    elif type(state) is torch.ScriptObject:
        packed.append(state)
    elif isinstance(state, (tuple, list)):
        for each in state:
            _sort(each, tensors, packed)
