"""Objects that a model can reach and may change: modules, containers, tensors, generators."""

from __future__ import annotations

import functools
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy
import torch
from torch import nn

from netinspect._utils.classes import defining_module, is_made_by_python
from netinspect._utils.code_owners import is_users
from netinspect.tracing.model.modes import script_of
from netinspect.tracing.safe_access import (
    by_class,
    class_attribute,
    dictionary_of,
    is_a,
    is_pythons,
    is_users_class,
    iter_of,
    slots_of,
    slotted,
    state_of,
    values_of,
)
from netinspect.tracing.snapshot.containers import CONTAINERS, SEQUENCES, Container
from netinspect.tracing.snapshot.random_state import rewinder
from netinspect.tracing.snapshot.script_state import ScriptState
from netinspect.tracing.tensors.describe import is_uninitialised

# By address, because a metaclass may define the hash of a class. An atom cannot contain anything that
# changes; most values in a model are atoms.
_ATOMS = (
    *(bool, int, float, complex, str, bytes, type(None), type, torch.Size, torch.dtype, torch.device),
    *(types.BuiltinFunctionType, types.ModuleType),
)
_KINDS = {id(cls): "atom" for cls in _ATOMS} | {
    id(cls): "container" for cls in (dict, OrderedDict, list, set, deque)
}
_PLAIN_TENSORS = frozenset(map(id, (torch.Tensor, nn.Parameter)))
_SEQUENCES = frozenset(map(id, (tuple, list)))
BOUND = frozenset(map(id, (types.MethodType, functools.partial)))
_FUNCTIONS = BOUND | {id(types.FunctionType)}
_PASSED = frozenset(map(id, (dict, OrderedDict, list, tuple, set, deque)))
_MAXIMUM_HELD = 4096
_NEVER_ENTERED = (type, types.FunctionType, types.ModuleType, types.CodeType, types.FrameType)


class ReachableObjects:
    """Everything reachable from a model through attributes and plain containers, each object once.

    Also entered are objects of the user's classes, and objects of other classes that a module holds
    itself, such as hooks of an offloading library, with their objects of the same package. Objects of
    other packages are not entered, because a library's trainer may reach the whole program.

    Args:
        model: The model.
        inputs: Arguments of forward, whose tensors are included.
        closures: Whether to enter closures of user functions, such as a list that a hook fills.
    """

    def __init__(self, model: nn.Module, inputs: Any = (), *, closures: bool = False) -> None:
        self._enters_closures = closures
        self.modules: list[nn.Module] = []
        self.scripts: list[ScriptState] = []
        self.containers: list[Container] = []
        self.empty: list[Container] = []
        """Empty containers, such as the hook dictionaries of most modules."""

        self.dictionaries: list[tuple[Any, dict[str, Any]]] = []
        """Modules, tensors and objects with their attribute dictionaries."""

        self.slots: list[tuple[Any, Any, Any]] = []
        """Object, descriptor and content of the filled slots of objects."""

        self.tensors: list[torch.Tensor] = []
        self.unobserved: list[torch.Tensor] = []
        """Tensors whose writes cannot be observed: inner tensors, and tensors of TorchScript."""

        self.cells: list[tuple[types.CellType, Any]] = []
        """Closure cells of functions with their contents."""

        self.arrays: list[numpy.ndarray[Any, Any]] = []
        self.rewinders: list[Callable[[], object]] = []
        """Functions that restore random generators."""

        self._alive: list[Any] = []
        """Temporary views of parts of tensors, referenced so that no other object gets their address."""

        seen: set[int] = set()
        packages: dict[int, str] = {}
        """Packages to enter, by address of an object that a module or a library's object holds."""

        self._holders = holders = {id(inputs), *map(id, inputs if type(inputs) is tuple else ())}
        waiting: list[Any] = [inputs, model]
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            is_holder = id(value) in holders or id(type(value)) in BOUND
            package = packages.get(id(value), "")
            is_entered = bool(package) and package == _package(type(value))
            passes_on = is_entered or (bool(package) and id(type(value)) in _PASSED)
            for each in self._sort(value, is_entered=is_entered):
                kind = _KINDS.get(id(type(each)))
                if kind == "atom":
                    continue
                if kind == "container" and not each:
                    self.empty.append(each)
                    continue
                waiting.append(each)
                if kind is None and is_holder:
                    packages[id(each)] = _package(type(each))
                elif passes_on and len(packages) < _MAXIMUM_HELD:
                    packages.setdefault(id(each), package)

    def _sort(self, value: Any, *, is_entered: bool) -> Iterable[Any]:
        """Add one value to its list; return its contents."""
        if is_a(value, dict):
            self.containers.append(value)
            return value.values() if type(value) is dict else (*values_of(value), *self._object(value))
        if is_a(value, torch.Tensor):
            return self._tensor(value)
        if is_a(value, nn.Module):
            return self._module(value)
        if is_a(value, CONTAINERS):
            self.containers.append(value)
            if is_a(value, SEQUENCES[2:]):
                return ()
            return (*values_of(value), *self._object(value))
        if is_a(value, tuple):
            return value if type(value) is tuple else (*iter_of(tuple, value), *self._object(value))
        if id(type(value)) in _FUNCTIONS:
            return self._function(value)
        if is_a(value, numpy.ndarray):
            self.arrays.append(value)
        elif (rewind := rewinder(value)) is not None:
            self.rewinders.append(rewind)
        elif is_entered or is_entered_class(type(value)):
            return self._object(value)
        return ()

    def _function(self, function: Any) -> Iterator[Any]:
        """Yield the closure of a user function, or the object that a method is bound to."""
        if type(function) is types.FunctionType:
            if not (self._enters_closures and is_users(function.__code__.co_filename)):
                return
            yield (function.__defaults__, function.__kwdefaults__)
            for cell in function.__closure__ or ():
                with suppress(ValueError):  # an empty cell
                    self.cells.append((cell, cell.cell_contents))
                    yield cell.cell_contents
        else:
            yield from bound_to(function)

    def _module(self, module: nn.Module) -> Iterable[Any]:
        self.modules.append(module)
        state = state_of(module)
        self.dictionaries.append((module, state))
        self._holders.add(id(state))
        if script_of(module) is None:
            return (state, *self._slots(module)) if slotted(type(module)) else (state,)
        script = ScriptState(module)
        self.scripts.append(script)
        tensors = list(script.tensors())
        self.unobserved += tensors
        return (state, *tensors)

    def _tensor(self, tensor: torch.Tensor) -> Iterable[Any]:
        self.tensors.append(tensor)
        found: list[Any] = [tensor.grad] if tensor.is_leaf else []
        found += (tensor._backward_hooks, tensor._post_accumulate_grad_hooks)
        if id(type(tensor)) in _PLAIN_TENSORS and tensor.layout is torch.strided:
            self.dictionaries.append((tensor, tensor.__dict__))
            found.append(tensor.__dict__)
            return found
        if defining_module(type(tensor)).startswith("torch._subclasses."):
            return found  # a fake tensor has no memory, and its attributes are torch's
        parts = list(parts_of(tensor))
        self._alive += parts
        self.unobserved += parts
        return (*found, *parts, *self._object(tensor))

    def _object(self, value: Any) -> Iterator[Any]:
        """Yield the attributes of an object, from its dictionary and slots."""
        if (held := dictionary_of(value)) is not None:
            self.dictionaries.append((value, held))
            yield held
        yield from self._slots(value)

    def _slots(self, value: Any) -> Iterator[Any]:
        for descriptor, content in slots_of(value):
            self.slots.append((value, descriptor, content))
            yield content


def bound_to(function: Any) -> tuple[Any, ...]:
    """Return the function and values of a bound method or `functools.partial`."""
    if type(function) is types.MethodType:
        return function.__func__, function.__self__
    return function.func, function.args, function.keywords


def parts_of(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the inner tensors of a sparse tensor or of a wrapper subclass."""
    if is_uninitialised(tensor):
        return
    if tensor.layout is torch.sparse_coo:
        yield from (tensor._indices(), tensor._values())
    elif tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        yield from (tensor.crow_indices(), tensor.col_indices(), tensor.values())
    elif tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        yield from (tensor.ccol_indices(), tensor.row_indices(), tensor.values())
    if id(type(tensor)) in _PLAIN_TENSORS:
        return
    waiting: list[Any] = [
        *(dictionary_of(tensor) or {}).values(),
        *(each for _, each in slots_of(tensor)),
    ]
    while waiting:
        value = waiting.pop()
        if is_a(value, torch.Tensor):
            yield value
        elif id(type(value)) in _SEQUENCES:
            waiting += value


@by_class
def is_entered_class(cls: Any) -> bool:
    """Return whether the attributes of an instance are part of the model, as for a user's class."""
    if issubclass(cls, _NEVER_ENTERED) or not is_made_by_python(cls):
        return cls is types.SimpleNamespace
    if class_attribute(cls, "__dataclass_fields__") is not None:
        return True
    return not is_pythons(cls) and is_users_class(cls)


@by_class
def _package(cls: Any) -> str:
    """Return the package of a class whose instances have attributes; empty for Python's own classes."""
    is_made = is_made_by_python(cls) and not issubclass(cls, (*_NEVER_ENTERED, torch.Tensor, nn.Module))
    return defining_module(cls).partition(".")[0] if is_made and not is_pythons(cls) else ""
