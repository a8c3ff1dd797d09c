"""All that a look must leave as it was, taken down so that two such pictures can be compared."""

from __future__ import annotations

import pickle
import random
from collections import deque
from typing import Any

import numpy
import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]


def snapshot(model: nn.Module, *others: Any) -> dict[str, Any]:
    """Take down the state of a model, of some values, and of the process."""
    picture: dict[str, Any] = {
        "torch random": torch.get_rng_state().numpy().tobytes(),
        "python random": random.getstate(),
        "numpy random": pickle.dumps(numpy.random.get_state()),
        "grad mode": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.empty(0).device,
        "modes": torch._C._len_torch_function_stack(),
        "global hooks": {
            name: _shape_of(value, {})
            for name, value in vars(torch_module).items()
            if name.startswith("_global_") and "hook" in name
        },
    }
    seen: dict[int, int] = {}
    picture["model"] = _shape_of(model, seen)
    picture["others"] = [_shape_of(each, seen) for each in others]
    picture["state_dict keys"] = list(model.state_dict())
    return picture


def _shape_of(value: Any, seen: dict[int, int]) -> Any:
    """Describe a value to the last byte, with the identity of every object that can change."""
    if id(value) in seen:
        return ("seen", id(value))
    if isinstance(value, (torch.Tensor, nn.Module, dict, list, set, deque)):
        seen[id(value)] = id(value)
    identity = (type(value), id(value))
    if isinstance(value, UninitializedTensorMixin):
        return identity, value.requires_grad
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, nn.Module):
        return identity, _shape_of(vars(value), seen)
    if isinstance(value, dict):
        return identity, [(key, _shape_of(each, seen)) for key, each in value.items()]
    if isinstance(value, (list, deque)):
        return identity, [_shape_of(each, seen) for each in value]
    if isinstance(value, tuple):
        return [_shape_of(each, seen) for each in value]
    if isinstance(value, set):
        return identity, sorted(map(repr, value))
    if isinstance(value, numpy.ndarray):
        return identity, value.tobytes()
    if isinstance(value, torch.Generator):
        return identity, value.get_state().numpy().tobytes()
    if isinstance(value, random.Random):
        return identity, value.getstate()
    if isinstance(value, numpy.random.Generator):
        return identity, repr(value.bit_generator.state)
    if hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        return identity, _shape_of(vars(value), seen)
    return value


def _tensor(tensor: torch.Tensor) -> Any:
    plain = tensor.detach()
    return {
        "identity": (type(tensor), id(tensor)),
        "address": plain.data_ptr(),
        "layout": (plain.dtype, plain.shape, plain.stride(), plain.storage_offset()),
        "bytes": bytes(plain.untyped_storage().tolist()) if not plain.is_meta else None,
        "requires_grad": tensor.requires_grad,
        "version": None if tensor.is_inference() else tensor._version,
        "grad": None if not tensor.is_leaf or tensor.grad is None else _tensor(tensor.grad),
        "hooks": tensor._backward_hooks and list(tensor._backward_hooks.items()),
    }
