"""Access to attributes of classes that bypasses user code."""

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

    Unlike `isinstance`, this does not read the value's `__class__`, which may be a user's property.
    """
    return issubclass(type(value), kind)


def is_target(value: object) -> TypeIs[str | os.PathLike[str]]:
    """Return whether a value is a string or a path. A module that defines `__fspath__` is not a path."""
    torch = sys.modules.get("torch")  # if torch is not imported, no value is a module
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
    """Return the `__name__` of a class without running code of its metaclass."""
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
    """Return a class and its bases in method resolution order."""
    found: tuple[type, ...] = _ANCESTORS(cls)
    return found


def namespace_of(cls: Any) -> Mapping[str, Any]:
    """Return the attributes that a class itself defines, by name."""
    found: Mapping[str, Any] = _NAMESPACE(cls)
    return found


def is_made_by_python(cls: Any) -> bool:
    """Return whether a class was defined in Python and not in C."""
    return bool(_FLAGS(cls) & _MADE_BY_PYTHON)
