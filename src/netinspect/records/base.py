"""Base of all records: immutable structs with keyword-only arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, dataclass_transform

from msgspec import Struct, structs
from msgspec import field as field

T = TypeVar("T")

SCHEMA_VERSION = 3
"""Version of the JSON reports; it is increased only when the meaning of an entry changes."""

if TYPE_CHECKING:
    Number = float
else:

    class _AnyFloat(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, float)

    class Number(float, metaclass=_AnyFloat):
        """Annotation of a float that may be NaN or infinite; JSON encodes these as strings."""


class _RecordType(type(Struct)):  # type: ignore[misc]
    """Type of all record classes; it gives the options of a record to records that extend one, too."""

    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> Any:
        is_tagged = str(members.get("__annotations__", {}).get("kind", "")).startswith("ClassVar")
        tag = {"tag": members["kind"], "tag_field": "kind"} if is_tagged else {}
        return super().__new__(cls, name, bases, members, frozen=True, kw_only=True, **tag)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make `cls` a record: an immutable struct with its fields, constants and methods.

    Records in a union are distinguished by their entry `kind`: a constant, `kind: ClassVar[str] = ...`.
    """
    if type(cls) is _RecordType:  # it extends a record
        return cls
    members = dict(vars(cls))
    for name in ("__dict__", "__weakref__"):
        members.pop(name, None)
    bases = (Struct, *(base for base in cls.__bases__ if base is not object))
    made: type[T] = _RecordType(cls.__name__, bases, members)
    return made


def is_record(hint: Any) -> TypeGuard[type[Struct]]:
    """Return whether a type is a record class."""
    return isinstance(hint, type) and issubclass(hint, Struct)


def fields(cls: type) -> tuple[structs.FieldInfo, ...]:
    """Return the fields of a record class, with their types and defaults."""
    return structs.fields(cls)


def field_names(cls: type) -> tuple[str, ...]:
    """Return the names of the fields of a record class."""
    names: tuple[str, ...] = cls.__struct_fields__  # type: ignore[attr-defined]
    return names


def replace(item: T, **changes: Any) -> T:
    """Return a copy of a record with other values of some fields."""
    return structs.replace(item, **changes)  # type: ignore[type-var]
