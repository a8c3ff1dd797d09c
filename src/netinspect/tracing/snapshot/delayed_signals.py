"""Delay of signals whose handlers may raise, such as Ctrl-C, SIGTERM and the alarm of a time limit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def delayed_signals() -> Iterator[None]:
    """Delay Python handlers of signals until the end; each signal is handled once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread
        return
    handlers: dict[int, Any] = {}
    arrived: dict[int, Any] = {}

    def note(number: int, frame: Any) -> None:
        arrived.setdefault(number, (handlers.get(number), frame))

    try:
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                handlers[number] = handler
                signal.signal(number, note)
        yield
    finally:
        _restore(handlers, arrived)


def _restore(handlers: dict[int, Any], arrived: dict[int, Any]) -> None:
    """Restore all handlers and call the delayed ones, even if one of them raises."""
    try:
        for number, handler in [*handlers.items()]:
            signal.signal(number, handler)
            del handlers[number]
        while arrived:
            number, (handler, frame) = arrived.popitem()
            handler(number, frame)
    finally:
        if handlers or arrived:
            _restore(handlers, arrived)
