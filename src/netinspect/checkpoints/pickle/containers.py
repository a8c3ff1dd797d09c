"""Opcodes of tuples, lists, dicts and sets."""

from __future__ import annotations

from typing import Any

from netinspect.checkpoints.pickle.format_object import format_type
from netinspect.checkpoints.pickle.objects import Called, Members, as_key
from netinspect.checkpoints.pickle.state import InterpreterState, refuse, refuse_unusual


def empty_list(interpreter: InterpreterState, at: int) -> int:
    """EMPTY_LIST: push an empty list."""
    interpreter.stack.append([])
    return at


def empty_dict(interpreter: InterpreterState, at: int) -> int:
    """EMPTY_DICT: push an empty dict."""
    interpreter.stack.append({})
    return at


def empty_set(interpreter: InterpreterState, at: int) -> int:
    """EMPTY_SET: push an empty set."""
    interpreter.stack.append(Members("set", []))
    return at


def tuple1(interpreter: InterpreterState, at: int) -> int:
    """TUPLE1: build a tuple of the top item."""
    stack = interpreter.stack
    stack[-1] = (stack[-1],)
    return at


def tuple2(interpreter: InterpreterState, at: int) -> int:
    """TUPLE2: build a tuple of the top two items."""
    stack = interpreter.stack
    last = stack.pop()
    stack[-1] = (stack[-1], last)
    return at


def tuple3(interpreter: InterpreterState, at: int) -> int:
    """TUPLE3: build a tuple of the top three items."""
    stack = interpreter.stack
    last, middle = stack.pop(), stack.pop()
    stack[-1] = (stack[-1], middle, last)
    return at


def list_of(interpreter: InterpreterState, at: int) -> int:
    """LIST: build a list of the items above the mark."""
    items = interpreter.above_mark()
    interpreter.stack.append(items)
    return at


def dict_of(interpreter: InterpreterState, at: int) -> int:
    """DICT: build a dict of the keys and values above the mark."""
    items = interpreter.above_mark()
    made: dict[Any, Any] = {}
    _fill(made, items)
    interpreter.stack.append(made)
    return at


def frozenset_of(interpreter: InterpreterState, at: int) -> int:
    """FROZENSET: build a frozenset of the items above the mark."""
    items = interpreter.above_mark()
    interpreter.stack.append(Members("frozenset", items))
    return at


def append(interpreter: InterpreterState, at: int) -> int:
    """APPEND: append the top item to the list below it."""
    item = interpreter.stack.pop()
    _extend(interpreter.stack[-1], [item])
    return at


def appends(interpreter: InterpreterState, at: int) -> int:
    """APPENDS: append the items above the mark to the list below it."""
    items = interpreter.above_mark()
    _extend(interpreter.stack[-1], items)
    return at


def _extend(target: Any, items: list[Any]) -> None:
    if type(target) is list:
        target.extend(items)
    elif type(target) is Called:
        if target.items is None:
            target.items = []
        target.items.extend(items)
    else:
        refuse_unusual(f"it appends to {format_type(target)}")


def additems(interpreter: InterpreterState, at: int) -> int:
    """ADDITEMS: add the items above the mark to the set below it."""
    items = interpreter.above_mark()
    target = interpreter.stack[-1]
    if type(target) is Members and target.kind == "set":
        target.values.extend(items)
    elif type(target) is Called:
        _extend(target, items)
    else:
        refuse_unusual(f"it adds to {format_type(target)}")
    return at


def setitem(interpreter: InterpreterState, at: int) -> int:
    """SETITEM: store the top value under the key below it, in the dict below both."""
    value, key = interpreter.stack.pop(), interpreter.stack.pop()
    _fill(_entries(interpreter.stack[-1]), [key, value])
    return at


def setitems(interpreter: InterpreterState, at: int) -> int:
    """SETITEMS: store the keys and values above the mark in the dict below it."""
    items = interpreter.above_mark()
    _fill(_entries(interpreter.stack[-1]), items)
    return at


def _entries(target: Any) -> dict[Any, Any]:
    if type(target) is dict:
        return target
    if type(target) is not Called:
        refuse_unusual(f"it sets an item of {format_type(target)}")
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
