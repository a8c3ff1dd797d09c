"""Facts about classes that user code cannot override."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Kind = TypeVar("Kind")


@overload
def is_a(value: object, kind: type[Kind]) -> TypeIs[Kind]: ...
@overload
def is_a(value: object, kind: tuple[type, ...]) -> bool: ...
def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """Return whether a value is an instance of a class.

    `isinstance` also asks the value for its `__class__`, which may be a property of the user's.
    """
    return issubclass(type(value), kind)


def is_target(value: object) -> TypeIs[str | os.PathLike[str]]:
    """Return whether a value names a target. A module that defines `__fspath__` is still a module."""
    torch = sys.modules.get("torch")  # without it there is no module either
    module = getattr(getattr(torch, "nn", None), "Module", None)
    if module is not None and issubclass(type(value), module):
        return False
    return issubclass(type(value), (str, os.PathLike))


_NAME, _QUALIFIED_NAME, _MODULE, _ANCESTORS, _NAMESPACE, _FLAGS = (
    vars(type)[name].__get__
    for name in ("__name__", "__qualname__", "__module__", "__mro__", "__dict__", "__flags__")
)
_MADE_BY_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def plain_name(cls: Any) -> str:
    """Return the `__name__` of a class. A metaclass may compute it otherwise, by its own code."""
    name: str = _NAME(cls)
    return name


def qualified_name(cls: Any) -> str:
    """Return the `__qualname__` of a class."""
    name: str = _QUALIFIED_NAME(cls)
    return name


def defining_module(cls: Any) -> str:
    """Return the `__module__` of a class; empty if that is not a string."""
    name = _MODULE(cls)
    return str.__str__(name) if is_a(name, str) else ""


def ancestors(cls: Any) -> tuple[type, ...]:
    """Return a class and its bases, in the order in which attributes are looked up."""
    found: tuple[type, ...] = _ANCESTORS(cls)
    return found


def namespace_of(cls: Any) -> Mapping[str, Any]:
    """Return what a class itself defines, by name."""
    found: Mapping[str, Any] = _NAMESPACE(cls)
    return found


def is_made_by_python(cls: Any) -> bool:
    """Return whether a class was made by a class statement, and not in C."""
    return bool(_FLAGS(cls) & _MADE_BY_PYTHON)
