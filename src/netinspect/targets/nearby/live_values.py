"""Live values of evaluated arguments: plain values, dictionaries, classes, and named objects."""

from __future__ import annotations

import dataclasses
import functools
import sys
from types import FunctionType, ModuleType
from typing import Any

from torch import nn

from netinspect._utils.classes import is_a, namespace_of
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.values import (
    PLAIN,
    UNKNOWN,
    ClassValue,
    FunctionValue,
    InstanceValue,
    LibraryValue,
    Reference,
)

_DEEPEST = 20
_MADE = ("torch.nn.", "torch.device", "functools.partial")
_ABSTRACT = 1 << 20
"""Flag of a class with abstract methods."""

_OWN_CODE = ("__post_init__", "__new__", "__setattr__", "__getattribute__", "__init_subclass__")


class NotLive(Exception):
    """A value cannot be made without running further code of the user."""


def live_value(value: Any, depth: int = 0) -> Any:
    """Return the live value that an evaluated argument stands for.

    A configuration becomes an instance of its class if that runs no code of the user, or else a
    `Settings`. A module that the call passes is constructed.

    Raises:
        NotLive: It is not known, or only code of the user could make it.
    """
    if depth > _DEEPEST or value is UNKNOWN:
        raise NotLive
    match value:
        case list() | tuple() | set():
            made: Any = type(value)
            return made(live_value(each, depth + 1) for each in value)
        case dict():
            return _live_dictionary(value, depth)
        case InstanceValue():
            return _live_instance(value, depth)
        case ClassValue() | FunctionValue():
            return _defined(value)
        case Reference(dotted=dotted):
            return _named(dotted)
        case LibraryValue(dotted=dotted, args=args, kwargs=kwargs):
            if not dotted.startswith(_MADE):
                raise NotLive
            function: Any = functools.partial if dotted == "functools.partial" else _named(dotted)
            given = [live_value(each, depth + 1) for each in args]
            return function(*given, **{key: live_value(each, depth + 1) for key, each in kwargs.items()})
        case type():
            return value
    if isinstance(value, PLAIN):
        return value
    raise NotLive


def is_live(value: Any, depth: int = 0) -> bool:
    """Return whether `live_value` can make a value; nothing is made."""
    if depth > _DEEPEST or value is UNKNOWN:
        return False
    match value:
        case list() | tuple() | set():
            return all(is_live(each, depth + 1) for each in value)
        case dict():
            return not value or any(is_live(each, depth + 1) for each in value.values())
        case InstanceValue(cls=cls, args=args, kwargs=kwargs, attributes=attributes):
            if _is_module(cls):
                return _is_defined(cls) and is_live([*args, *kwargs.values()], depth + 1)
            return any(is_live(each, depth + 1) for each in attributes.values())
        case ClassValue() | FunctionValue():
            return _is_defined(value)
        case Reference(dotted=dotted):
            return _find(dotted) is not None
        case LibraryValue(dotted=dotted, args=args, kwargs=kwargs):
            known = dotted == "functools.partial" or _find(dotted) is not None
            return known and dotted.startswith(_MADE) and is_live([*args, *kwargs.values()], depth + 1)
    return isinstance(value, (type, *PLAIN))


def _live_dictionary(value: dict[Any, Any], depth: int) -> Settings:
    """Return the entries that can be made: the others may not be read."""
    entries = Settings()
    for key, each in value.items():
        if is_live(each, depth + 1):
            dict.__setitem__(entries, key, live_value(each, depth + 1))
    return entries


def _live_instance(value: InstanceValue, depth: int) -> Any:
    if _is_module(value.cls):
        cls = _defined(value.cls)
        args = [live_value(each, depth + 1) for each in value.args]
        return cls(*args, **{key: live_value(each, depth + 1) for key, each in value.kwargs.items()})
    attributes = (
        {**value.cls.attributes, **value.attributes} if not value.attributes else value.attributes
    )
    entries = _live_dictionary(attributes, depth)
    if value.cls.is_dataclass and _is_defined(value.cls):
        cls = _defined(value.cls)
        if is_plain_dataclass(cls):
            fields = {each.name for each in dataclasses.fields(cls) if each.init}
            lacking = [
                each.name
                for each in dataclasses.fields(cls)
                if each.init and each.name not in entries and each.default is dataclasses.MISSING
            ]
            if not lacking:
                return cls(**{key: each for key, each in entries.items() if key in fields})
    if (found := _find_defined(value.cls)) is not None and _is_plain_class(found):
        # Its constructor does not run: reading has shown the attributes that it sets.
        instance = object.__new__(found)
        vars(instance).update(entries)
        return instance
    return entries


def _is_plain_class(cls: Any) -> bool:
    """Return whether an instance of a class can be made without running code of the user."""
    if type(cls) is not type or cls.__flags__ & _ABSTRACT:
        return False
    bases = [namespace_of(each) for each in cls.__mro__[:-1]]
    has_dictionary = cls.__dictoffset__ != 0 and cls.__basicsize__ <= object.__basicsize__ + 16
    return has_dictionary and not any("__new__" in each or "__slots__" in each for each in bases)


def is_plain_dataclass(cls: Any) -> bool:
    """Return whether constructing an instance runs only code that `dataclasses` generated."""
    if not dataclasses.is_dataclass(cls) or not is_a(cls, type) or type(cls) is not type:
        return False
    own = [namespace_of(each) for each in cls.__mro__[:-1]]
    if any(name in each for each in own for name in _OWN_CODE if name != "__setattr__"):
        return False
    generated = cls.__init__
    return type(generated) is FunctionType and generated.__code__.co_filename == "<string>"


def _is_module(cls: ClassValue) -> bool:
    """Return whether a class is an nn.Module, by its live class or the names of its bases."""
    if (found := _find_defined(cls)) is not None:
        return is_a(found, type) and issubclass(found, nn.Module)
    return any(base.startswith("torch.nn.") for base in cls.library_bases())


def _find_defined(value: ClassValue | FunctionValue) -> Any:
    """Return a class or function of the project that is already imported; None otherwise."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if names.get("__file__") == value.scope.file and value.name in names:
            return names[value.name]
    return None


def _is_defined(value: ClassValue | FunctionValue) -> bool:
    return _find_defined(value) is not None


def _defined(value: ClassValue | FunctionValue) -> Any:
    found = _find_defined(value)
    if found is None:
        raise NotLive
    return found


def _find(dotted: str) -> Any:
    """Return an object of a library that is imported already; None without one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        if not is_a(found, ModuleType):
            continue
        for name in parts[end:]:
            found = namespace_of(found).get(name) if is_a(found, type) else getattr(found, name, None)
        return found
    return None


def _named(dotted: str) -> Any:
    found = _find(dotted)
    if found is None:
        raise NotLive
    return found
