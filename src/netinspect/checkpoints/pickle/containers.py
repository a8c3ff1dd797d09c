"""The opcodes of tuples, lists, dicts and sets."""

from __future__ import annotations

from typing import Any

from netinspect.checkpoints.pickle.format_object import spell_type
from netinspect.checkpoints.pickle.interpreter import Machine, refuse, refuse_unusual
from netinspect.checkpoints.pickle.objects import Called, Members, as_key


def empty_list(machine: Machine, at: int) -> int:
    """EMPTY_LIST: a new list."""
    machine.stack.append([])
    return at


def empty_dict(machine: Machine, at: int) -> int:
    """EMPTY_DICT: a new dict."""
    machine.stack.append({})
    return at


def empty_set(machine: Machine, at: int) -> int:
    """EMPTY_SET: a new set."""
    machine.stack.append(Members("set", []))
    return at


def tuple1(machine: Machine, at: int) -> int:
    """TUPLE1: a tuple of the top."""
    stack = machine.stack
    stack[-1] = (stack[-1],)
    return at


def tuple2(machine: Machine, at: int) -> int:
    """TUPLE2: a tuple of the upper two."""
    stack = machine.stack
    last = stack.pop()
    stack[-1] = (stack[-1], last)
    return at


def tuple3(machine: Machine, at: int) -> int:
    """TUPLE3: a tuple of the upper three."""
    stack = machine.stack
    last, middle = stack.pop(), stack.pop()
    stack[-1] = (stack[-1], middle, last)
    return at


def list_of(machine: Machine, at: int) -> int:
    """LIST: a list of all above the mark."""
    items = machine.above_mark()
    machine.stack.append(items)
    return at


def dict_of(machine: Machine, at: int) -> int:
    """DICT: a dict of the keys and values above the mark."""
    items = machine.above_mark()
    made: dict[Any, Any] = {}
    _fill(made, items)
    machine.stack.append(made)
    return at


def frozenset_of(machine: Machine, at: int) -> int:
    """FROZENSET: a frozen set of all above the mark."""
    items = machine.above_mark()
    machine.stack.append(Members("frozenset", items))
    return at


def append(machine: Machine, at: int) -> int:
    """APPEND: the top goes to the end of the list below."""
    item = machine.stack.pop()
    _extend(machine.stack[-1], [item])
    return at


def appends(machine: Machine, at: int) -> int:
    """APPENDS: all above the mark goes to the end of the list below."""
    items = machine.above_mark()
    _extend(machine.stack[-1], items)
    return at


def _extend(target: Any, items: list[Any]) -> None:
    if type(target) is list:
        target.extend(items)
    elif type(target) is Called:
        if target.items is None:
            target.items = []
        target.items.extend(items)
    else:
        refuse_unusual(f"it appends to {spell_type(target)}")


def additems(machine: Machine, at: int) -> int:
    """ADDITEMS: all above the mark goes into the set below."""
    items = machine.above_mark()
    target = machine.stack[-1]
    if type(target) is Members and target.kind == "set":
        target.values.extend(items)
    elif type(target) is Called:
        _extend(target, items)
    else:
        refuse_unusual(f"it adds to {spell_type(target)}")
    return at


def setitem(machine: Machine, at: int) -> int:
    """SETITEM: a key and a value go into the dict below."""
    value, key = machine.stack.pop(), machine.stack.pop()
    _fill(_entries(machine.stack[-1]), [key, value])
    return at


def setitems(machine: Machine, at: int) -> int:
    """SETITEMS: keys and values above the mark go into the dict below."""
    items = machine.above_mark()
    _fill(_entries(machine.stack[-1]), items)
    return at


def _entries(target: Any) -> dict[Any, Any]:
    if type(target) is dict:
        return target
    if type(target) is not Called:
        refuse_unusual(f"it sets an item of {spell_type(target)}")
    if target.entries is None:
        target.entries = {}
    entries: dict[Any, Any] = target.entries
    return entries


def _fill(entries: dict[Any, Any], items: list[Any]) -> None:
    if len(items) % 2:
        refuse("a key has no value")
    for index in range(0, len(items), 2):
        key = items[index]
        entries[key if type(key) is str else as_key(key)] = items[index + 1]
