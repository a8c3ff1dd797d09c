"""Items of containers and objects, read without running their code."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from netinspect._utils.classes import is_made_by_python
from netinspect.tracing.safe_access import (
    SIMPLE,
    class_attribute,
    dictionary_of,
    fields_of,
    is_a,
    is_mapping,
    is_pythons,
    is_users_class,
    items_of,
    slots_of,
    text_of,
    values_of,
)

_SETS = (set, frozenset, deque)
_VIEWS = frozenset(map(id, (type({}.keys()), type({}.values()), type({}.items()))))
# Attributes that are not part of a value, or may be the whole program.
_NEVER_ENTERED = (type, types.ModuleType, types.FunctionType, types.MethodType, torch.nn.Module)

_MAX_DEPTH = 16
_MAX_OBJECTS = 2000
"""Limits of the search for a tensor; beyond them, a value counts as one without tensors."""


def entries_of(value: Any) -> list[tuple[str, Any]]:
    """Return the named entries of a container or object; empty if it cannot be read.

    A set, or an object that is not a container, has entries only if it contains a tensor. The entries of
    a user's object are then all public attributes, those of other objects the attributes with tensors.
    """
    if type(value) is tuple or type(value) is list:
        return [(str(index), entry) for index, entry in enumerate(value)]
    try:
        return list(_entries(value))
    except Exception:  # an incomplete object; inspecting it must not fail the run
        return []


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    stored = [] if is_a(value, type) else fields_of(value)
    if is_mapping(value):
        items = items_of(value) if is_a(value, dict) else value.items()
        yield from ((key_text(key), entry) for key, entry in items)
        if not is_a(value, dict) or dict.__len__(value):
            return
    if stored:
        yield from stored
    elif is_a(value, (tuple, list)):
        yield from ((str(index), entry) for index, entry in enumerate(values_of(value)))
    elif is_a(value, _SETS) or id(type(value)) in _VIEWS:
        if _holds_tensor(value):
            yield from ((str(index), entry) for index, entry in enumerate(_held(value)))
    elif _is_object(value):
        yield from _attributes(value)


def is_plain_container(value: Any) -> bool:
    """Return whether a value is a tuple, list, set, mapping or dataclass, or of a subclass of one."""
    cls = type(value)
    return (
        is_a(value, (tuple, list, *_SETS, types.SimpleNamespace))
        or id(cls) in _VIEWS
        or is_mapping(value)
        or type(class_attribute(cls, "__dataclass_fields__")) is dict
    )


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    cls = type(value)
    is_whole = is_users_class(cls) or cls is types.SimpleNamespace
    found = [(name, each, _holds_tensor(each)) for name, each in stored_attributes(value)]
    if any(holds for _, _, holds in found):
        for name, each, holds in found:
            if holds or (is_whole and not name.startswith("_")):
                yield name, each


def stored_attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes in the dictionary and the slots of an object."""
    for name, each in (dictionary_of(value) or {}).items():
        if type(name) is str:
            yield name, each
    yield from ((descriptor.__name__, each) for descriptor, each in slots_of(value))


def _is_object(value: Any) -> bool:
    """Return whether a value has attributes that are part of it."""
    cls = type(value)
    if is_a(value, _NEVER_ENTERED):
        return False
    return cls is types.SimpleNamespace or (is_made_by_python(cls) and not is_pythons(cls))


def _held(value: Any) -> Iterable[Any]:
    """Return all direct contents of a value, shown or not."""
    if is_mapping(value):
        return (
            values_of(value) if is_a(value, dict) else value.values()  # of an installed package
        )
    if is_a(value, (tuple, list, *_SETS)):
        return values_of(value)
    if id(type(value)) in _VIEWS:
        return list(value)
    return (each for _, each in stored_attributes(value)) if _is_object(value) else ()


def _holds_tensor(value: Any) -> bool:
    """Return whether a value contains a tensor, within the limits of the search."""
    seen: set[int] = set()
    waiting = [(value, 0)]
    while waiting and len(seen) < _MAX_OBJECTS:
        each, depth = waiting.pop()
        if is_a(each, torch.Tensor):
            return True
        if id(type(each)) in SIMPLE or id(each) in seen or depth > _MAX_DEPTH:
            continue
        seen.add(id(each))
        waiting += [(inner, depth + 1) for inner in _held(each)]
    return False


def key_text(key: Any) -> str:
    """Return the text of a key in a dictionary."""
    if is_a(key, str):
        return str.__str__(key)
    return str(key) if id(type(key)) in SIMPLE else text_of(key)
