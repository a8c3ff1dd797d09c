"""Reads of objects that run none of their own code: no property, `__getattr__` or `__iter__`.

`isinstance` asks an object for its `__class__`, and a set hashes a class by its metaclass. Where the
object is somebody else's, both are that person's code.
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
from netinspect.tracing.code_owners import is_users, owner

Found = TypeVar("Found")

_SIMPLE = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes)))
_ACCESS = ("__getattr__", "__getattribute__")
_ABSENT = object()
_CLASS: Any = vars(object)["__class__"]
_MAXIMUM_CLASSES = 1024
state_of = vars(nn.Module)["__dict__"].__get__
"""The instance's dictionary of a module, whatever its class makes of `__dict__`."""

_IN_C = (types.WrapperDescriptorType, types.MethodDescriptorType, types.BuiltinFunctionType)
_BUILT_IN = (str, bytes, int, float, complex)


def class_attribute(cls: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of a class as it is stored, without binding it."""
    for base in ancestors(cls):
        if (found := namespace_of(base).get(name, _ABSENT)) is not _ABSENT:
            return found
    return default


def dictionary_of(value: Any) -> dict[str, Any] | None:
    """Return the dictionary that holds the attributes of an object; None if it has none."""
    descriptor = _dictionary_in(type(value))
    found: dict[str, Any] | None = None if descriptor is None else descriptor.__get__(value)
    return found


def give_dictionary(value: Any, held: dict[str, Any]) -> None:
    """Make a dictionary the one that holds the attributes of an object, if it is not."""
    descriptor = _dictionary_in(type(value))
    if descriptor.__get__(value) is not held:
        descriptor.__set__(value, held)


def give_class(value: Any, cls: type) -> None:
    """Change the class of an object; raise TypeError if its memory has another layout."""
    _CLASS.__set__(value, cls)


def slots_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield descriptor and content of the slots that an object has filled."""
    for descriptor in slotted(type(value)):
        try:
            yield descriptor, descriptor.__get__(value)
        except AttributeError:  # an empty one
            continue


def attribute(value: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of an object, if it is stored and not computed.

    Args:
        value: The object.
        name: The attribute.
        default: What to return for a property, a method, or an attribute that is not there.
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
    """Return an attribute of a model or of its configuration; None if it has none.

    A class of an installed package may compute it, as configurations rename settings; for a class of
    the user's it has to be stored.
    """
    if (found := attribute(value, name)) is not None or value is None:
        return found
    stored = class_attribute(type(value), name)
    access = (stored, *(class_attribute(type(value), each) for each in _ACCESS))
    if is_users_class(type(value)) or any(each is not None and runs_users_code(each) for each in access):
        return None
    try:
        return getattr(value, name, None)
    except Exception:  # a property of the library's own that does not apply
        return None


def items_of(mapping: Any) -> Iterable[tuple[Any, Any]]:
    """Return the items of a dictionary, also of a subclass that overrides `items`."""
    if is_a(mapping, OrderedDict):
        return OrderedDict.items(mapping)
    return dict.items(mapping)


def values_of(container: Any) -> Iterable[Any]:
    """Return the entries of a dictionary, list, tuple, set or deque, also of a subclass."""
    if is_a(container, dict):
        return (value for _, value in items_of(container))
    for cls in (list, tuple, set, deque, frozenset):
        if is_a(container, cls):
            return iter_of(cls, container)
    raise TypeError(f"not a container: {type(container)}")


def iter_of(cls: Any, container: Any) -> Iterator[Any]:
    """Iterate over an instance of a subclass as over one of a built-in class."""
    found: Iterator[Any] = cls.__iter__(container)
    return found


def is_mapping(value: Any) -> bool:
    """Return whether a value is a dictionary, or a mapping of an installed package."""
    cls = type(value)
    return issubclass(cls, dict) or (not is_users_class(cls) and issubclass(cls, Mapping))


def runs_users_code(method: Any) -> bool:
    """Return whether a function is Python code of the user's, or generated for a class of anybody's.

    Args:
        method: What is stored in a class: a function, one that is wrapped, or a slot in C.
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
    """Remember what a function returns for each class; a metaclass may define how classes hash."""
    known: dict[int, tuple[Any, Found]] = {}

    @functools.wraps(function)
    def remembered(cls: Any) -> Found:
        entry = known.get(id(cls))
        if entry is None:
            if len(known) >= _MAXIMUM_CLASSES:
                known.clear()
            # The entry keeps the class, and so its address.
            entry = known[id(cls)] = cls, function(cls)
        return entry[1]

    return remembered


@by_class
def _dictionary_in(cls: Any) -> Any:
    """The descriptor of the attributes' dictionary: the real one, if a class defines another."""
    for base in ancestors(cls):
        stored = namespace_of(base).get("__dict__")
        if type(stored) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            return stored
    return None


@by_class
def dispatches(cls: Any) -> bool:
    """Return whether a class of tensors has a `__torch_dispatch__` of its own, and so runs its code."""
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
    """Return whether a class is defined in the user's code, and not in an installed package."""
    for value in namespace_of(cls).values():
        if type(value) is types.FunctionType:
            place = value.__code__.co_filename
            # Python gives a dataclass its methods.
            if not place.startswith("<") and owner(place) != "python":
                return is_users(place)
    if not is_made_by_python(cls) or is_pythons(cls):
        return False
    file = getattr(sys.modules.get(defining_module(cls)), "__file__", None)
    return file is None or (isinstance(file, str) and is_users(file))


def is_pythons(cls: Any) -> bool:
    """Return whether a class belongs to Python's own library."""
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

    A subclass with a `__repr__` of the user's is shown as what it is derived from.
    """
    cls = type(value)
    if id(cls) in _SIMPLE:
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
    """Copy an object with its attributes; that of a user's class without its own code for it."""
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
