"""Listeners to Python's audit events, called by the one audit hook of the process.

Python raises thousands of events in a run and cannot remove a hook, so each further hook would slow down
the rest of the process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]

_listeners: dict[str, tuple[Listener, ...]] = {}


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for listener in _listeners.get(event, ()):
        listener(event, arguments)


def listen(listener: Listener, events: Collection[str]) -> None:
    """Call a listener with the name and arguments of these events, in any thread, from now on.

    An exception that it raises refuses the action.
    """
    if not _listeners:
        sys.addaudithook(_hook)
    for event in events:
        _listeners[event] = (*_listeners.get(event, ()), listener)


@contextmanager
def listening(listener: Listener, events: Collection[str]) -> Iterator[None]:
    """Call a listener with these events inside the block."""
    listen(listener, events)
    try:
        yield
    finally:
        for event in events:
            _listeners[event] = tuple(each for each in _listeners[event] if each != listener)
