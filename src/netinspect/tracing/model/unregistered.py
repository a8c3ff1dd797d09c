"""Unregistered modules and tensors: held by a module or called by forward, but not registered."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.records.base import replace
from netinspect.records.tensors import Unregistered
from netinspect.tracing.model.members import (
    modules,
    named_modules,
    own_attributes,
    parameters,
    registered_tensors,
)
from netinspect.tracing.safe_access import SIMPLE, is_a, items_of, state_of, values_of
from netinspect.tracing.snapshot.reachable_objects import is_entered_class
from netinspect.tracing.tensors.container_items import key_text, stored_attributes
from netinspect.tracing.tensors.describe import tensor_spec

_MAXIMUM_DEPTH = 4
_MAXIMUM_ENTRIES = 4096
"""Maximum size of a container that is read."""

_SETS = (set, frozenset)
_SEQUENCES = (list, tuple, deque, *_SETS)


class Call(NamedTuple):
    """A call of an unregistered module, which may be gone when forward returns."""

    module: weakref.ref[nn.Module]
    class_name: str
    elements: int


class CalledModules:
    """Unregistered modules that forward called, each once."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._known: dict[int, weakref.ref[nn.Module]] = {}

    def add(self, module: nn.Module) -> None:
        """Record a call, unless the module was called before or is inside one that was."""
        known = self._known.get(id(module))
        if known is not None and known() is module:
            return
        self._known.update((id(each), weakref.ref(each)) for each in modules(module))
        elements = _elements(parameters(module))
        self.calls.append(Call(weakref.ref(module), plain_name(type(module)), elements))


def find_unregistered(model: nn.Module, called: Iterable[Call] = ()) -> tuple[Unregistered, ...]:
    """Find the modules with parameters and the autograd leaves that are not registered.

    They are searched in the attributes of modules, in containers, and in objects of user classes.

    Args:
        model: The model.
        called: The modules that were not registered when forward called them.
    """
    registered = set(map(id, modules(model)))
    known = set(map(id, registered_tensors(model)))
    found: list[Unregistered] = []
    positions: dict[int, int | None] = {}
    """Position in `found` by address of each module inside; None without unregistered parameters."""

    for holder, attribute, value in _held_values(model, registered):
        is_module = is_a(value, nn.Module)
        inside = parameters(value) if is_module else _leaf(value)
        tensors = [each for each in inside if id(each) not in known]
        for each in modules(value) if is_module else ():
            positions.setdefault(id(each), len(found) if tensors else None)
        if tensors:
            known.update(map(id, tensors))
            found.append(
                Unregistered(
                    kind="module" if is_module else "tensor",
                    class_name=plain_name(type(value)),
                    holder=holder,
                    attribute=attribute,
                    elements=_elements(tensors),
                )
            )
    made: dict[Unregistered, None] = {}
    for call in called:
        module = call.module()
        if id(module) in registered:  # since the call
            continue
        if id(module) in positions:
            if (position := positions[id(module)]) is not None:
                found[position] = replace(found[position], called=True)
        else:
            made[
                Unregistered(
                    kind="module",
                    class_name=call.class_name,
                    holder=None,
                    attribute="",
                    elements=call.elements,
                    called=True,
                )
            ] = None
    return (*found, *made)


def _leaf(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (tensor,) if tensor.requires_grad and tensor.is_leaf else ()


def _elements(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor_spec(each).elements for each in tensors)


def _held_values(model: nn.Module, registered: Container[int]) -> Iterator[tuple[str, str, Any]]:
    """Yield path, attribute and value of the tensors and unregistered modules that modules hold."""
    own = own_attributes()
    seen: set[int] = set()
    for path, holder in named_modules(model):
        for attribute, value in state_of(holder).items():
            if attribute not in own and id(type(value)) not in SIMPLE:
                for name, each in _held_in(attribute, value, 0, seen):
                    if id(each) not in registered:
                        yield path, name, each


def _held_in(name: str, value: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if is_a(value, torch.Tensor) or is_a(value, nn.Module):
        yield name, value
    elif depth < _MAXIMUM_DEPTH and id(value) not in seen:
        seen.add(id(value))
        for key, entry in _entries(value):
            if id(type(entry)) not in SIMPLE:
                yield from _held_in(f"{name}.{key}" if key else name, entry, depth + 1, seen)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield key and value of the entries of a container, or of the attributes of an object."""
    if is_a(value, dict):
        if dict.__len__(value) <= _MAXIMUM_ENTRIES:
            for key, entry in items_of(value):
                yield key_text(key), entry
    elif is_a(value, _SEQUENCES):
        for index, entry in zip(range(_MAXIMUM_ENTRIES), values_of(value), strict=False):
            # Sets have no stable order.
            yield "" if is_a(value, _SETS) else str(index), entry
    elif is_entered_class(type(value)):
        yield from stored_attributes(value)
