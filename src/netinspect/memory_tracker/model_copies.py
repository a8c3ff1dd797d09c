"""Deep copies of models, without user code and without recursion over modules."""

from __future__ import annotations

import copy
import threading
import types
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from netinspect._utils.classes import ancestors, namespace_of
from netinspect.tracing.model.members import parameters
from netinspect.tracing.safe_access import (
    by_class,
    class_attribute,
    dictionary_of,
    give_class,
    is_a,
    is_users_class,
    items_of,
    runs_users_code,
    slots_of,
    values_of,
)
from netinspect.tracing.snapshot.reachable_objects import BOUND, bound_to
from netinspect.tracing.tensors.describe import is_uninitialised
from netinspect.tracing.tensors.inner_tensors import may_wrap

Copied = TypeVar("Copied")

_METHODS = (
    *("__deepcopy__", "__reduce_ex__", "__reduce__", "__getstate__", "__setstate__"),
    *("__getnewargs_ex__", "__getnewargs__"),
)
_BUILT_IN = (OrderedDict, dict, list, set, deque)
_IMMUTABLE = (int, float, complex, str, bytes, frozenset)
_LOCKS: dict[int, Callable[[], Any]] = {
    id(type(make())): make for make in (threading.Lock, threading.RLock)
}


def deep_copy(original: Copied) -> Copied:
    """Copy a model or inputs like `copy.deepcopy`, without calling copy methods of user classes.

    `copy.deepcopy` treats objects in its memo as copied. Empty objects of the same classes are therefore
    put into the memo first, and filled afterwards.
    """
    memo: dict[int, Any] = {}
    pairs: list[tuple[Any, Any]] = []
    tuples: list[Any] = []
    waiting: list[Any] = [original]
    seen: dict[int, Any] = {}
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        if is_a(value, torch.Tensor):
            if _cannot_be_copied(value):
                seen[id(value)], memo[id(value)] = value, _cloned(value)
            continue
        seen[id(value)] = value
        cls = type(value)
        is_own = is_users_class(cls)
        if is_own and issubclass(cls, _IMMUTABLE):
            memo[id(value)] = value
        elif is_own and issubclass(cls, tuple):
            tuples.append(value)
            waiting += values_of(value)
        elif (is_own or issubclass(cls, nn.Module)) and (made := _empty(cls)) is not None:
            memo[id(value)] = made
            pairs.append((value, made))
            waiting += (dictionary_of(value) or {}).values()
            waiting += (content for _, content in slots_of(value))
            waiting += values_of(value) if issubclass(cls, _BUILT_IN) else ()
        elif id(cls) in _LOCKS:
            memo[id(value)] = _LOCKS[id(cls)]()  # an unlocked one, whatever the state of the original
        elif cls is types.ModuleType:
            memo[id(value)] = value
        elif id(cls) in BOUND:
            waiting += bound_to(value)
        elif issubclass(cls, (*_BUILT_IN, tuple)):
            waiting += values_of(value)
    for value in reversed(tuples):  # inner tuples come later
        memo[id(value)] = tuple.__new__(
            type(value), [copy.deepcopy(each, memo) for each in values_of(value)]
        )
    try:
        for value, made in pairs:
            _fill(made, value, memo)
        copied: Copied = copy.deepcopy(original, memo)
    finally:
        _finalized.extend(made for value, made in pairs if _finalizes(type(value)))
    for parameter in parameters(copied) if is_a(copied, nn.Module) else ():
        if not parameter.is_leaf:  # TorchScript copies parameters with an operator
            parameter.detach_().requires_grad_()
    return copied


def _cannot_be_copied(tensor: torch.Tensor) -> bool:
    """Return whether `copy.deepcopy` fails on a tensor because it has no dense storage."""
    if may_wrap(type(tensor)) or is_uninitialised(tensor):
        return False
    if tensor.layout is torch.sparse_coo:  # a parameter is cloned with a dense memory format
        return is_a(tensor, nn.Parameter)
    return tensor.layout is not torch.strided or tensor.is_nested


def _cloned(tensor: torch.Tensor) -> torch.Tensor:
    made = tensor.detach().clone()
    if is_a(tensor, nn.Parameter):
        return nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made.requires_grad_(tensor.requires_grad)


def discard_copies() -> None:
    """Replace the classes of all copies with a user-defined `__del__`, so that it never runs on a copy.

    Finalizing a copy could delete the original's temporary folder, or close its pool.
    """
    while _finalized:
        made = _finalized[-1]
        for plain in _WITHOUT_FINALIZER:
            try:
                give_class(made, plain)
            except TypeError:  # another memory layout
                continue
            break
        else:
            _immortal.append(made)
        _finalized.pop()


class _Object:
    pass


class _Dict(dict[Any, Any]):
    pass


class _OrderedDict(OrderedDict[Any, Any]):
    pass


class _List(list[Any]):
    pass


class _Set(set[Any]):
    pass


class _Deque(deque[Any]):
    pass


_WITHOUT_FINALIZER = (nn.Module, _Object, _Dict, _OrderedDict, _List, _Set, _Deque)
_finalized: list[Any] = []
"""Copies of objects with a user-defined `__del__`."""

_immortal: list[Any] = []
"""Copies whose class cannot be replaced; referenced until the process ends."""


@by_class
def _finalizes(cls: Any) -> bool:
    method = class_attribute(cls, "__del__")
    return method is not None and runs_users_code(method)


@by_class
def _copies_itself(cls: Any) -> bool:
    """Return whether a library defines how objects of a class are copied.

    Methods of `nn.Module` are ignored, because `torch.compile` replaces its `__setstate__`.
    """
    found = [
        namespace_of(base)[name]
        for name in _METHODS
        if (base := next((each for each in ancestors(cls) if name in namespace_of(each)), object))
        is not object
        and base is not nn.Module
    ]
    return any(not runs_users_code(each) for each in found)


def _empty(cls: Any) -> Any:
    if issubclass(cls, (type, types.FunctionType, types.ModuleType)):
        return None
    for base in _BUILT_IN:
        if issubclass(cls, base):
            return base.__new__(cls)
    if _copies_itself(cls):
        return None
    try:
        return object.__new__(cls)
    except TypeError:  # derived from a class in C
        return None


def _fill(made: Any, value: Any, memo: dict[int, Any]) -> None:
    if is_a(value, dict):
        base: Any = OrderedDict if is_a(value, OrderedDict) else dict
        for key, each in items_of(value):
            base.__setitem__(made, copy.deepcopy(key, memo), copy.deepcopy(each, memo))
    elif is_a(value, list):
        list.extend(made, [copy.deepcopy(each, memo) for each in values_of(value)])
    elif is_a(value, set):
        set.update(made, [copy.deepcopy(each, memo) for each in values_of(value)])
    elif is_a(value, deque):
        deque.extend(made, [copy.deepcopy(each, memo) for each in values_of(value)])
    if (attributes := dictionary_of(value)) is not None:
        target = dictionary_of(made)
        assert target is not None
        for name, each in attributes.items():
            # A compiled call runs the original.
            is_compiled = name == "_compiled_call_impl" and is_a(value, nn.Module)
            target[name] = None if is_compiled else copy.deepcopy(each, memo)
    for descriptor, content in slots_of(value):
        descriptor.__set__(made, copy.deepcopy(content, memo))
