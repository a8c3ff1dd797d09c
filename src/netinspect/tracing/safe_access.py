"""Access to objects that runs none of their code: no property, `__getattr__` or `__iter__`.

Even `isinstance` reads `__class__` of an object, and a set hashes a class by its metaclass. For user
objects, both may run user code.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from netinspect._utils.classes import (
    ancestors,
    defining_module,
    is_made_by_python,
    namespace_of,
    plain_name,
)
from netinspect._utils.classes import is_a as is_a
from netinspect._utils.code_owners import is_users, owner

Found = TypeVar("Found")

SIMPLE_TYPES = (type(None), bool, int, float, complex, str, bytes, type(...))
SIMPLE = frozenset(map(id, SIMPLE_TYPES))
"""Types of values without contents, by address, because a metaclass may define the hash of a
class."""

_ACCESS = ("__getattr__", "__getattribute__")
_ABSENT = object()
_CLASS: Any = vars(object)["__class__"]
_MAXIMUM_CLASSES = 1024
state_of = vars(nn.Module)["__dict__"].__get__
"""Return the attribute dictionary of a module, even if its class defines its own `__dict__`."""

_IN_C = (types.WrapperDescriptorType, types.MethodDescriptorType, types.BuiltinFunctionType)
_BUILT_IN = (str, bytes, int, float, complex)


def class_attribute(cls: Any, name: str, default: Any = None) -> Any:
    """Return the stored attribute of a class without binding it."""
    for base in ancestors(cls):
        if (found := namespace_of(base).get(name, _ABSENT)) is not _ABSENT:
            return found
    return default


def dictionary_of(value: Any) -> dict[str, Any] | None:
    """Return the attribute dictionary of an object; None if it has no dictionary."""
    descriptor = _dictionary_in(type(value))
    found: dict[str, Any] | None = None if descriptor is None else descriptor.__get__(value)
    return found


def give_dictionary(value: Any, attributes: dict[str, Any]) -> None:
    """Set the attribute dictionary of an object."""
    descriptor = _dictionary_in(type(value))
    if descriptor.__get__(value) is not attributes:
        descriptor.__set__(value, attributes)


def give_class(value: Any, cls: type) -> None:
    """Change the class of an object; raise TypeError if its memory has another layout."""
    _CLASS.__set__(value, cls)


def slots_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield descriptor and content of the filled slots of an object."""
    for descriptor in slotted(type(value)):
        try:
            yield descriptor, descriptor.__get__(value)
        except AttributeError:  # an empty one
            continue


def attribute(value: Any, name: str, default: Any = None) -> Any:
    """Return a stored attribute of an object.

    Args:
        value: The object.
        name: The attribute.
        default: Result for a property, a method or a missing attribute.
    """
    if (found := (dictionary_of(value) or {}).get(name, _ABSENT)) is not _ABSENT:
        return found
    found = class_attribute(type(value), name, _ABSENT)
    if type(found) is types.MemberDescriptorType:
        try:
            return found.__get__(value)
        except AttributeError:
            return default
    is_computed = found is _ABSENT or class_attribute(type(found), "__get__") is not None
    return default if is_computed else found


def setting_of(value: Any, name: str) -> Any:
    """Return an attribute of a model or of its configuration; None if it is missing.

    A class of an installed package may compute it, for example under an old name of a setting. For a
    user's class, it has to be stored.
    """
    if (found := attribute(value, name)) is not None or value is None:
        return found
    stored = class_attribute(type(value), name)
    access = (stored, *(class_attribute(type(value), each) for each in _ACCESS))
    if is_users_class(type(value)) or any(each is not None and runs_users_code(each) for each in access):
        return None
    try:
        return getattr(value, name, None)
    except Exception:  # a property of a library that does not apply
        return None


def items_of(mapping: Any) -> Iterable[tuple[Any, Any]]:
    """Return the items of a dictionary, even if its class overrides `items`."""
    if is_a(mapping, OrderedDict):
        return OrderedDict.items(mapping)
    return dict.items(mapping)


def values_of(container: Any) -> Iterable[Any]:
    """Return the entries of a built-in container, even if its class overrides methods."""
    if is_a(container, dict):
        return (value for _, value in items_of(container))
    for cls in (list, tuple, set, deque, frozenset):
        if is_a(container, cls):
            return iter_of(cls, container)
    raise TypeError(f"not a container: {type(container)}")


def iter_of(cls: Any, container: Any) -> Iterator[Any]:
    """Iterate over an instance of a subclass with the iterator of a built-in class."""
    found: Iterator[Any] = cls.__iter__(container)
    return found


def is_mapping(value: Any) -> bool:
    """Return whether a value is a dictionary, or a mapping of an installed package."""
    cls = type(value)
    return issubclass(cls, dict) or (not is_users_class(cls) and issubclass(cls, Mapping))


def runs_users_code(method: Any) -> bool:
    """Return whether a function is Python code of the user, or generated code.

    Args:
        method: Attribute stored in a class: a function, a wrapped function or a slot in C.
    """
    if type(method) is classmethod or type(method) is staticmethod:
        method = method.__func__
    if is_a(method, property):
        method = method.fget
    if type(method) is types.FunctionType:
        file = method.__code__.co_filename
        return is_users(file) or file.startswith("<")
    return type(method) not in _IN_C


def by_class(function: Callable[[Any], Found]) -> Callable[[Any], Found]:
    """Cache a function of a class by address, because a metaclass may define the hash of a class."""
    known: dict[int, tuple[Any, Found]] = {}

    @functools.wraps(function)
    def cached(cls: Any) -> Found:
        entry = known.get(id(cls))
        if entry is None:
            if len(known) >= _MAXIMUM_CLASSES:
                known.clear()
            # The entry references the class, so that its address is not reused.
            entry = known[id(cls)] = cls, function(cls)
        return entry[1]

    return cached


@by_class
def _dictionary_in(cls: Any) -> Any:
    """Return Python's own descriptor of `__dict__`, even if a class overrides it."""
    for base in ancestors(cls):
        stored = namespace_of(base).get("__dict__")
        if type(stored) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            return stored
    return None


@by_class
def dispatches(cls: Any) -> bool:
    """Return whether a tensor class defines its own `__torch_dispatch__`."""
    name = "__torch_dispatch__"
    return class_attribute(cls, name) is not class_attribute(torch.Tensor, name)


@by_class
def slotted(cls: Any) -> tuple[Any, ...]:
    """Return the descriptors of the slots that a class and its bases define."""
    return tuple(
        stored
        for base in ancestors(cls)
        if "__slots__" in namespace_of(base)
        for stored in namespace_of(base).values()
        if type(stored) is types.MemberDescriptorType
    )


@by_class
def is_users_class(cls: Any) -> bool:
    """Return whether a class is defined in user code, and not in an installed package."""
    for value in namespace_of(cls).values():
        if type(value) is types.FunctionType:
            file = value.__code__.co_filename
            # Python generates methods of dataclasses.
            if not file.startswith("<") and owner(file) != "python":
                return is_users(file)
    if not is_made_by_python(cls) or is_pythons(cls):
        return False
    module_file = getattr(sys.modules.get(defining_module(cls)), "__file__", None)
    return module_file is None or (isinstance(module_file, str) and is_users(module_file))


def is_pythons(cls: Any) -> bool:
    """Return whether a class belongs to the standard library."""
    name = defining_module(cls).partition(".")[0]
    return name in sys.stdlib_module_names and name != "__main__"


def fields_of(value: Any) -> list[tuple[str, Any]]:
    """Return the stored fields of a dataclass or of a named tuple; empty for anything else."""
    cls = type(value)
    if is_a(value, tuple):
        names = class_attribute(cls, "_fields", ())
        if type(names) is not tuple:
            return []
        return list(zip(names, iter_of(tuple, value), strict=False))
    declared = class_attribute(cls, "__dataclass_fields__", None)
    if type(declared) is not dict:
        return []
    regular = [name for name, field in declared.items() if field._field_type is dataclasses._FIELD]  # type: ignore[attr-defined]
    return [(name, attribute(value, name)) for name in regular]


def text_of(value: Any) -> str:
    """Return the `repr` of a number, text or other plain value, or of a tuple or list of them.

    A subclass with a user-defined `__repr__` is shown like its built-in base class.
    """
    cls = type(value)
    if id(cls) in SIMPLE:
        return repr(value)
    if cls is slice:
        return f"slice({text_of(value.start)}, {text_of(value.stop)}, {text_of(value.step)})"
    if issubclass(cls, (tuple, list)):
        base: Any = tuple if issubclass(cls, tuple) else list
        texts = [text_of(each) for each in iter_of(base, value)]
        if names := class_attribute(cls, "_fields") if base is tuple else None:
            pairs = zip(names, texts, strict=False)
            return f"{plain_name(cls)}({', '.join(f'{name}={text}' for name, text in pairs)})"
        if base is list:
            return f"[{', '.join(texts)}]"
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
    method = class_attribute(cls, "__repr__")
    if not runs_users_code(method):
        if issubclass(cls, enum.Enum):
            stored = dictionary_of(value) or {}
            return f"<{plain_name(cls)}.{stored.get('_name_')}: {text_of(stored.get('_value_'))}>"
        return repr(value)
    for built_in in _BUILT_IN:
        if issubclass(cls, built_in):
            return built_in.__repr__(value)
    return f"<{plain_name(cls)}>"


def shallow_copy(value: Any) -> Any:
    """Copy an object with its attributes, without calling copy methods of user classes."""
    cls = type(value)
    if not is_users_class(cls):
        return copy.copy(value)
    made: Any
    if issubclass(cls, dict):
        base: Any = OrderedDict if issubclass(cls, OrderedDict) else dict
        made = base.__new__(cls)
        for key, each in items_of(value):
            base.__setitem__(made, key, each)
    else:
        made = object.__new__(cls)
    if (held := dictionary_of(value)) is not None:
        (dictionary_of(made) or {}).update(held)
    for descriptor, content in slots_of(value):
        descriptor.__set__(made, content)
    return made
