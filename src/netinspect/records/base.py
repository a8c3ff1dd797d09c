"""Base of all records: frozen, slotted dataclasses with keyword-only arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

SCHEMA_VERSION = 2
"""Version of the JSON reports; it is increased only when the meaning of an entry changes."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a record: an immutable dataclass with slots.

    `dataclass` compiles each method that it adds, separately for every class. For about sixty records
    that slows down every start of the program. So records share all methods except `__init__`, which is
    generated when the first record of a class is made.
    """
    own = dict(vars(cls))
    made: Any = dataclass(init=False, slots=True, kw_only=True, repr=False, eq=False)(cls)
    for name, method in _SHARED.items():
        if own.get(name) is None:
            setattr(made, name, method)
    made.__dataclass_params__.frozen = True
    result: type[T] = made
    return result


def _make(self: Any, **values: Any) -> None:
    """Initialise the first record of a class, and generate the `__init__` of the later ones."""
    cls = type(self)
    cls.__init__ = _initializer(cls)
    cls.__init__(self, **values)


def _initializer(cls: Any) -> Callable[..., None]:
    """Generate the `__init__` of a record.

    It sets frozen fields through their slots, which takes two thirds of the time of
    `object.__setattr__`, which `dataclass` uses.
    """
    known: dict[str, Any] = {}
    parameters, lines = [], []
    for field in dataclasses.fields(cls):
        name = field.name
        known[f"_set_{name}"] = vars(cls)[name].__set__
        value, default = name, ""
        if field.default_factory is not MISSING:
            known[f"_make_{name}"] = field.default_factory
            value, default = f"_make_{name}() if {name} is _MISSING else {name}", "=_MISSING"
        elif field.default is not MISSING:
            known[f"_default_{name}"] = field.default
            default = f"=_default_{name}"
        parameters.append(name + default)
        lines.append(f"    _set_{name}(self, {value})\n")
    known["_MISSING"] = MISSING
    stars = "*, " if parameters else ""
    exec(f"def __init__(self, {stars}{', '.join(parameters)}):\n{''.join(lines) or '    pass'}", known)
    initializer: Callable[..., None] = known["__init__"]
    initializer.__qualname__ = f"{cls.__qualname__}.__init__"
    return initializer


def _values(item: Any) -> tuple[Any, ...]:
    return tuple([getattr(item, name) for name in item.__slots__])


def _equal(self: Any, other: object) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash((type(self), *_values(self)))


def _repr(self: Any) -> str:
    entries = zip(self.__slots__, _values(self), strict=True)
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in entries)})"


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return list(_values(self))


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


_SHARED: dict[str, Callable[..., Any]] = {
    "__init__": _make,
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _get_state,
    "__setstate__": _set_state,
}
