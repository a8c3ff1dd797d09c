"""Classes of values, whatever the values say of themselves."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeVar, overload

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
