"""Classes of values, whatever the values say of themselves."""

from __future__ import annotations

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
