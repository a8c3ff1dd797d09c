"""Kinds of pickled objects, recognised by class name and content."""

from __future__ import annotations

import re
from typing import Any

from netinspect.checkpoints.pickle.format_object import format_key
from netinspect.checkpoints.pickle.objects import Called, Members, Named, Persistent, as_key

_RECONSTRUCTORS = ("copyreg._reconstructor", "copyreg.__newobj__")
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter")
_GRAPH_MODULES = (
    "torch.fx.graph_module.reduce_graph_module",
    "torch.fx.graph_module.reduce_package_graph_module",
)
_MANGLED = re.compile(r"___torch_mangle_\d+\.")
_MOST_PLAIN = 16
_REGISTERED = ("_parameters", "_buffers", "_modules")


def class_of(value: Called) -> Named | None:
    """Return the class of a pickled instance, or the function that makes it."""
    callee: Any = value.callee
    if type(callee) is Named and callee.path in _RECONSTRUCTORS and value.arguments:
        callee = value.arguments[0]
    # The legacy format of torch wraps a class with its source: ("module", class, file, source).
    if type(callee) is Persistent and type(callee.key) is tuple and len(callee.key) > 1:
        callee = callee.key[1]
    return callee if type(callee) is Named else None


def class_path(value: Called) -> str:
    """Return the dotted name of an object's class."""
    named = class_of(value)
    if named is None:
        return "object"
    path = named.path
    if is_scripted(named):
        path = _MANGLED.sub("", path.removeprefix("__torch__."))
    return path


def is_scripted(named: Named) -> bool:
    """Return whether a name is that of a TorchScript class."""
    return named.module.partition(".")[0] == "__torch__"


def module_state(value: Called, *, scripted: bool) -> dict[Any, Any] | None:
    """Return the attributes of a pickled `nn.Module`; None for any other object."""
    if scripted:
        named = class_of(value)
        state = value.state
        return state if named is not None and is_scripted(named) and isinstance(state, dict) else None
    state = value.state
    if value.path in _GRAPH_MODULES and value.arguments:
        state = value.arguments[0]
    if not isinstance(state, dict) or any(each not in state for each in _REGISTERED):
        return None
    return state


def registered(state: dict[Any, Any], what: str) -> list[tuple[str, Any]]:
    """Return the registered parameters, buffers or children of a module that are not None."""
    held = state.get(what)
    entries = dict_entries(held) if isinstance(held, Called) else held
    if not isinstance(entries, dict):
        return []
    return [(format_key(key), each) for key, each in entries.items() if each is not None]


def is_machinery(key: Any, value: Any) -> bool:
    """Return whether an attribute exists on every module and has its default value."""
    if key in ("_parameters", "_buffers", "_modules", "training"):
        return True
    if _is_hook(key):
        entries = dict_entries(value) if isinstance(value, Called) else value
        return not entries
    return key == "_non_persistent_buffers_set" or value is None


def dict_entries(value: Called) -> dict[Any, Any] | None:
    """Return the entries of a pickled dict subclass, or None for any other object."""
    if value.path not in _DICTS:
        return None
    entries: dict[Any, Any] = dict(value.entries or {})
    for argument in value.arguments:
        if isinstance(argument, dict):
            entries = {**argument, **entries}
        elif isinstance(argument, list):  # a list of pairs, as Python 2 writes it
            for pair in argument:
                if isinstance(pair, list | tuple) and len(pair) == 2:
                    entries[as_key(pair[0])] = pair[1]
    return entries


def versions_of(value: Called) -> list[tuple[str, int]]:
    """Return the module versions in the metadata of a state dict, except versions of 1."""
    metadata = dict(state_entries(value.state)).get("_metadata")
    entries = dict_entries(metadata) if isinstance(metadata, Called) else metadata
    if not isinstance(entries, dict):
        return []
    return [
        (path, each["version"])
        for path, each in entries.items()
        if isinstance(path, str)
        and isinstance(each, dict)
        and type(each.get("version")) is int
        and each["version"] != 1
    ]


def state_entries(state: Any) -> list[tuple[str, Any]]:
    """Return the attributes that a state would set; one that is not a dict has an empty name."""
    if state is None:
        return []
    # The state of an object with slots is a pair: its `__dict__` or None, and its slots.
    if (
        type(state) is tuple
        and len(state) == 2
        and type(state[1]) is dict
        and (state[0] is None or type(state[0]) is dict)
    ):
        return [*_items(state[0] or {}), *_items(state[1])]
    return _items(state) if type(state) is dict else [("", state)]


def _items(entries: dict[Any, Any]) -> list[tuple[str, Any]]:
    return [(format_key(key), each) for key, each in entries.items()]


def is_plain(value: Any, depth: int = 1) -> bool:
    """Return whether a list, tuple or set has only numbers and texts and is shown as one value."""
    items = value.values if isinstance(value, Members) else value
    if not isinstance(items, list | tuple):
        return False
    for each in items:
        if isinstance(each, list | tuple | Members):
            if not depth or len(each.values if isinstance(each, Members) else each) > _MOST_PLAIN:
                return False
            if not is_plain(each, depth - 1):
                return False
        elif isinstance(each, dict | Called | Persistent):
            return False
    return True


def _is_hook(key: Any) -> bool:
    """Return whether an attribute of a module is one of its tables of hooks."""
    return type(key) is str and key.startswith("_") and "hooks" in key
