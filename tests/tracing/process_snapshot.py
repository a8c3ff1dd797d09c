"""Snapshots of all state that a trace must not change, and their comparison."""

from __future__ import annotations

import array
import pickle
import random
import types
from collections import deque
from typing import Any

import numpy
import torch
from torch import nn
from torch.jit._script import RecursiveScriptModule
from torch.nn.modules import module as torch_module
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]


def snapshot(model: nn.Module, *others: Any) -> dict[str, Any]:
    """Return the state of a model, of other values, and of the process."""
    picture: dict[str, Any] = {
        "torch random": torch.get_rng_state().numpy().tobytes(),
        "python random": random.getstate(),
        "numpy random": pickle.dumps(numpy.random.get_state()),
        "grad mode": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.empty(0).device,
        "modes": torch._C._len_torch_function_stack(),
        "switches": _switches(),
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
        return _tensor(value), [_shape_of(each, seen) for each in _held(value)]
    if isinstance(value, RecursiveScriptModule):
        return identity, _script(value), _shape_of(vars(value), seen)
    if isinstance(value, nn.Module):
        return identity, [_shape_of(each, seen) for each in _held(value)]
    if isinstance(value, dict):
        return identity, [(key, _shape_of(each, seen)) for key, each in value.items()]
    if isinstance(value, (list, deque)):
        return identity, [_shape_of(each, seen) for each in value]
    if isinstance(value, tuple):
        return [_shape_of(each, seen) for each in value]
    if isinstance(value, set):
        return identity, sorted(map(repr, value))
    if isinstance(value, (numpy.ndarray, array.array)):
        return identity, value.tobytes()
    if isinstance(value, bytearray):
        return identity, bytes(value)
    if isinstance(value, torch.Generator):
        return identity, value.get_state().numpy().tobytes()
    if isinstance(value, random.Random):
        return identity, value.getstate()
    if isinstance(value, numpy.random.Generator):
        return identity, repr(value.bit_generator.state)
    if isinstance(value, (type, types.FunctionType, types.MethodType, torch.ScriptFunction)):
        return value
    if (held := _held(value)) and not type(value).__module__.startswith(("torch.", "pybind")):
        seen[id(value)] = id(value)
        return identity, [_shape_of(each, seen) for each in held]
    return value


def _held(value: Any) -> list[Any]:
    """Return the dictionary of an object and the values of its slots."""
    held: list[Any] = [vars(value)] if hasattr(value, "__dict__") else []
    for cls in type(value).__mro__:
        names = vars(cls).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            held.append(getattr(value, name, None))
    return held


def _script(module: RecursiveScriptModule) -> dict[str, Any]:
    script: Any = module._c
    kind: Any = torch._C.ConcreteModuleType.from_jit_type(script._type())
    return {name: _copied(script.getattr(name)) for name in kind.get_attributes()}


def _copied(value: Any) -> Any:
    """Return state that Python returns as a copy, which is compared by value."""
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, (list, tuple)):
        return [type(value), *map(_copied, value)]
    if isinstance(value, dict):
        return [(key, _copied(each)) for key, each in value.items()]
    return _copied(vars(value)) if hasattr(value, "__dict__") else repr(value)


def _switches() -> list[Any]:
    return [
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.enabled,
        torch.backends.mkldnn.enabled,
        torch.backends.cuda.flash_sdp_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.get_float32_matmul_precision(),
        torch.get_num_threads(),
        torch.is_anomaly_enabled(),
    ]


def _tensor(tensor: torch.Tensor) -> Any:
    if tensor.layout is not torch.strided or type(tensor) not in (torch.Tensor, nn.Parameter):
        return _made_of_parts(tensor)
    plain = tensor.detach()
    return {
        "identity": (type(tensor), id(tensor)),
        "address": plain.data_ptr(),
        "layout": (plain.dtype, _shape(plain), plain.is_conj(), plain.is_neg()),
        "bytes": bytes(plain.untyped_storage().tolist()) if not plain.is_meta else None,
        "requires_grad": tensor.requires_grad,
        "version": None if tensor.is_inference() else tensor._version,
        "grad": None if not tensor.is_leaf or tensor.grad is None else _tensor(tensor.grad),
        "hooks": [
            each and list(each.items())
            for each in (tensor._backward_hooks, tensor._post_accumulate_grad_hooks)
        ],
    }


def _shape(tensor: torch.Tensor) -> Any:
    if tensor.is_nested:
        return tensor._nested_tensor_size().tolist()
    return tensor.shape, tensor.stride(), tensor.storage_offset()


def _made_of_parts(tensor: torch.Tensor) -> Any:
    parts: list[Any] = []
    if tensor.layout is torch.sparse_coo:
        parts = [tensor.is_coalesced(), tensor._nnz(), tensor._indices(), tensor._values()]
    elif tensor.layout is torch.sparse_csr:
        parts = [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    return {
        "identity": (type(tensor), id(tensor)),
        "layout": (tensor.dtype, tensor.shape, tensor.layout, tensor.requires_grad),
        "version": tensor._version,
        "parts": [
            {**_tensor(each), "identity": None} if isinstance(each, torch.Tensor) else each
            for each in parts
        ],
        "grad": None if not tensor.is_leaf or tensor.grad is None else _tensor(tensor.grad),
    }


def difference(before: Any, after: Any, path: str = "") -> str | None:
    """Return the first place where two snapshots differ; None if they are equal."""
    if before == after:
        return None
    if type(before) is type(after) and isinstance(before, (list, tuple)) and len(before) == len(after):
        pairs = zip(before, after, strict=True)
        found = (difference(*pair, f"{path}[{index}]") for index, pair in enumerate(pairs))
    elif isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        found = (difference(before[key], after[key], f"{path}.{key}") for key in before)
    else:
        return f"{path}: {before!r} became {after!r}"
    return next((each for each in found if each is not None), f"{path}: {before!r}")
