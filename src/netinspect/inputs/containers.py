"""Dictionaries, objects, lists and tuples that are built from the entries that dotted specs name."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from netinspect._utils.classes import ancestors, plain_name
from netinspect.errors import UsageError
from netinspect.inputs.annotations import (
    annotated_class,
    defaults_of_class,
    fields_of_class,
    is_typed_dictionary,
    members_of,
)
from netinspect.inputs.infer.forward_code.read import ForwardCode, read_forward
from netinspect.inputs.signature import ForwardArgument, ForwardNames


class Entries(dict[str, Any]):
    """Values that belong to one container, by key."""


class Namespace(types.SimpleNamespace):
    """An object with attributes that are keys, too."""

    def __getitem__(self, key: str) -> Any:
        """Return an attribute."""
        return vars(self)[key]

    def __contains__(self, key: object) -> bool:
        """Return whether there is such an attribute."""
        return key in vars(self)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of attributes."""
        return iter(vars(self))

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute, or a default."""
        return vars(self).get(key, default)

    def keys(self) -> Any:
        """Return the names of attributes."""
        return vars(self).keys()


class ContainerBuilder:
    """Builds the containers that the code and the annotations of forward ask for."""

    def __init__(self, model: nn.Module, names: ForwardNames) -> None:
        self._model, self._names = model, names
        self._code: ForwardCode | None = None

    @property
    def code(self) -> ForwardCode:
        """The code of forward, read at its first use."""
        if self._code is None:
            self._code = read_forward(self._model, self._names.method)
        return self._code

    def build(self, name: str, value: Any) -> Any:
        """Return the value of an argument, with its entries in the containers that forward reads.

        Raises:
            UsageError: A position of a list is missing, or a class has no such field.
        """
        argument = self._names.arguments.get(name)
        if type(value) is Entries:
            cls = self._class_of(argument)
            fields = fields_of_class(cls)
            if cls is not None and fields is not None and not is_typed_dictionary(cls):
                return _instance(cls, fields, self._entries(name, value), name)
            return self._container(name, value, argument.annotation if argument is not None else "")
        if type(value) is str:
            return self._member(name, value)
        return value

    def _class_of(self, argument: ForwardArgument | None) -> type | None:
        if argument is None:
            return None
        return annotated_class(self._model, argument, self._names.method)

    def _entries(self, path: str, entries: Entries) -> dict[str, Any]:
        return {
            key: self._container(f"{path}.{key}", each) if type(each) is Entries else each
            for key, each in entries.items()
        }

    def _container(self, path: str, entries: Entries, annotation: str = "") -> Any:
        built = self._entries(path, entries)
        accesses = self.code.uses(path).accesses
        ways = {way for key in built for way in accesses.get(key, ())}
        if all(key.isdecimal() for key in built):
            items = _in_order(path, built)
            is_tuple = "unpacked" in ways or annotation.lower().removeprefix("typing.").startswith(
                "tuple"
            )
            return tuple(items) if is_tuple else items
        if "attribute" in ways:
            return Namespace(**built)
        return built

    def _member(self, name: str, value: str) -> Any:
        """Return the member of an Enum that a string names, if forward expects one."""
        argument = self._names.arguments.get(name)
        if argument is None:
            return value
        members = members_of(self._class_of(argument))
        if value in members:
            return members[value]
        for choice in self.code.uses(name).choices:
            members = members_of(type(choice))
            if value in members:
                return members[value]
        return value


def _in_order(path: str, entries: Mapping[str, Any]) -> list[Any]:
    """Return the items of a list, whose positions are its keys."""
    positions = {int(key): value for key, value in entries.items()}
    missing = [index for index in range(len(positions)) if index not in positions]
    if missing:
        raise UsageError(
            f"{path}.{missing[0]} is missing",
            cause=f"{path} is a list whose items are given one by one, from {path}.0",
        )
    return [positions[index] for index in sorted(positions)]


def _instance(cls: type, fields: list[str], entries: Mapping[str, Any], name: str) -> Any:
    """Return an instance of a user's NamedTuple or dataclass, without running its code."""
    for key in entries:
        if key not in fields:
            raise UsageError(
                f"{name} has no field {key!r}",
                cause=f"it is a {plain_name(cls)} with the fields {', '.join(fields)}",
            )
    defaults = defaults_of_class(cls)
    values = {field: entries.get(field, defaults.get(field)) for field in fields}
    if tuple in ancestors(cls):
        return tuple.__new__(cls, values.values())
    made: Any = object.__new__(cls)
    for field, value in values.items():
        object.__setattr__(made, field, value)
    return made
