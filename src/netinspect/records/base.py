"""What every record is: a frozen, slotted dataclass with keyword arguments only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a record: plain data that never changes after it was made.

    `dataclass` compiles every method that it adds, for every class anew, which at some sixty records
    is felt at each start of the program; so comparison, hash and `repr` are shared by all of them.
    """
    made = dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)(cls)
    for name, method in (("__eq__", _equal), ("__hash__", _hash), ("__repr__", _spell)):
        if name not in vars(cls) or vars(cls)[name] is None:
            setattr(made, name, method)
    return made


def _values(item: Any) -> tuple[Any, ...]:
    return tuple(getattr(item, name) for name in item.__slots__)


def _equal(self: Any, other: object) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash((type(self), *_values(self)))


def _spell(self: Any) -> str:
    entries = zip(self.__slots__, _values(self), strict=True)
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in entries)})"
