"""Copies of containers, from which their entries are restored.

Only methods of the built-in classes are called, because those of a subclass may be user code.
"""

from __future__ import annotations

import array
import operator
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

from netinspect.tracing.safe_access import is_a, items_of

Container = dict[Any, Any] | list[Any] | set[Any] | deque[Any]

SEQUENCES: tuple[Any, ...] = (list, deque, bytearray, array.array)
CONTAINERS: tuple[type, ...] = (dict, set, *SEQUENCES)


def copy_of(container: Any) -> Any:
    """Copy a container to an instance of its built-in class."""
    if type(container) is dict:
        return container.copy()
    if is_a(container, dict):
        return dict(items_of(container))
    if is_a(container, set):
        return set.copy(container)
    if is_a(container, list):
        return list.copy(container)
    if is_a(container, deque):
        return list(deque.__iter__(container))
    return bytes(container) if is_a(container, bytearray) else array.array.tobytes(container)


def refill(container: Any, before: Any) -> None:
    """Restore the entries of a container in place, each the same object."""
    if is_a(container, dict):
        _refill_dictionary(container, before)
    elif is_a(container, set):
        if {*map(id, set.__iter__(container))} != {*map(id, before)}:
            set.clear(container)
            set.update(container, before)
    elif is_a(container, list):
        if not _are_same(list.__iter__(container), before):
            list.clear(container)
            list.extend(container, before)
    elif is_a(container, deque):
        if not _are_same(deque.__iter__(container), before):
            deque.clear(container)
            deque.extend(container, before)
    elif is_a(container, bytearray):
        if bytes(container) != before:
            bytearray.__setitem__(container, slice(None), before)
    elif array.array.tobytes(container) != before:
        array.array.__delitem__(container, slice(None))
        array.array.frombytes(container, before)


def _refill_dictionary(container: Any, before: dict[Any, Any]) -> None:
    cls: Any = OrderedDict if is_a(container, OrderedDict) else dict
    if (
        len(before) == dict.__len__(container)
        and all(map(operator.is_, cls.keys(container), before))
        and all(map(operator.is_, cls.values(container), before.values()))
    ):
        return
    if cls is OrderedDict:
        OrderedDict.clear(container)
        for key, value in before.items():
            OrderedDict.__setitem__(container, key, value)
    else:
        dict.clear(container)
        dict.update(container, before)


def _are_same(entries: Iterable[Any], before: Iterable[Any]) -> bool:
    one, other = list(entries), list(before)
    return len(one) == len(other) and all(map(operator.is_, one, other))
