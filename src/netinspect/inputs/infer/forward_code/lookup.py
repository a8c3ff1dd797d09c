"""Names and attributes in the code of forward, looked up without running any of it."""

from __future__ import annotations

import builtins
import enum
import types
from typing import Any

import torch
from torch import nn

from netinspect._utils.classes import defining_module, namespace_of
from netinspect.inputs.infer.forward_code.source import method_of, unwrapped
from netinspect.inputs.infer.forward_code.values import (
    Function,
    Part,
    Plain,
    TorchFunction,
    Value,
    Weight,
)
from netinspect.tracing.model.members import children, join_path
from netinspect.tracing.safe_access import attribute, class_attribute, dictionary_of, is_a, state_of

BUILT_IN = frozenset(name for name in vars(builtins) if not name.startswith("_"))
TENSOR_ATTRIBUTES = frozenset(dir(torch.Tensor))
_MISSING = object()


def global_value(function: types.FunctionType, name: str) -> Value:
    """Return the value of a global name of a function."""
    found = function.__globals__.get(name, _MISSING)
    if found is _MISSING:
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        try:
            found = cells[name].cell_contents
        except (KeyError, ValueError):
            return TorchFunction(name) if name in ("torch", "F", "nn") else None
    return known(found)


def known(found: Any, path: str = "") -> Value:
    """Return what is known of an object of the live model or of its file."""
    if type(found) is types.FunctionType or type(found) in (staticmethod, classmethod):
        function = unwrapped(found)
        if function is None or function.__module__.split(".")[0] == "torch":
            return TorchFunction(plain_function_name(found))
        return Function(function)
    if type(found) in (types.BuiltinFunctionType, types.BuiltinMethodType):
        return TorchFunction(str(found.__name__)) if found.__module__ != "builtins" else None
    if is_a(found, nn.Module):
        return Part(path, found)
    if is_a(found, torch.Tensor):
        return Weight(path, shape_of(found))
    return Plain(found)


def plain_function_name(found: Any) -> str:
    """Return the name of a function of torch."""
    return str(getattr(unwrapped(found) or found, "__name__", ""))


def shape_of(found: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of a tensor; empty for that of a lazy layer."""
    try:
        return tuple(map(int, found.shape))
    except (RuntimeError, ValueError, TypeError):
        return ()


def member_of(part: Part, name: str) -> Value:
    """Return an attribute of a module: a submodule, a tensor, a method or a plain value."""
    for key, child in children(part.module):
        if key == name:
            return Part(join_path(part.path, name), child)
    state = state_of(part.module)
    for table in ("_parameters", "_buffers"):
        registered = state.get(table)
        if is_a(registered, dict) and (found := dict.get(registered, name)) is not None:
            return known(found, join_path(part.path, name))
    if name in state:
        return known(state[name], join_path(part.path, name))
    return method(part, name)


def method(part: Part, name: str, after: type | None = None) -> Value:
    """Return a method of a module, or another attribute of its class."""
    stored = method_of(type(part.module), name, after)
    if stored is None:
        return None
    found, owner = stored
    if type(found) is types.FunctionType:
        function = unwrapped(found)
        return Function(function, part, owner) if function is not None else None
    if type(found) is staticmethod:
        return known(found)
    return None if class_attribute(type(found), "__get__") is not None else Plain(found)


def attribute_of(value: Any, name: str) -> Value:
    """Return an attribute of an object that is not a module."""
    if type(value) is types.ModuleType:
        if defining_package(value) in ("torch", "einops"):
            inner = vars(value).get(name)
            return Plain(inner) if type(inner) is types.ModuleType else TorchFunction(name)
        return known(vars(value)[name]) if name in vars(value) else None
    if is_a(value, enum.EnumMeta):
        members = namespace_of(value).get("_member_map_", {})
        return Plain(members[name]) if name in members else None
    if is_a(value, type):
        stored = method_of(value, name)
        if stored is None:
            return None
        return known(stored[0]) if type(stored[0]) is staticmethod else Plain(stored[0])
    if dictionary_of(value) is None:
        return None
    found = attribute(value, name, _MISSING)
    return None if found is _MISSING else known(found)


def defining_package(module: types.ModuleType) -> str:
    """Return the package of a Python module."""
    name = vars(module).get("__name__")
    return name.partition(".")[0] if type(name) is str else ""


def is_torchs(module: nn.Module) -> bool:
    """Return whether the class of a module is torch's own."""
    return defining_module(type(module)).startswith("torch.")
