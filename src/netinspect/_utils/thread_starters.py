"""Ancestry of threads: which thread started which.

Since Python 3.12 an audit event reports it. Before, a new thread that asks at once finds its starter in
`Thread.start`, which waits for the new thread to begin; the starter has rarely gone on by then.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from netinspect._utils.audit_events import listen

_EVENTS = ("_thread.start_new_thread", "_thread.start_joinable_thread")
"""Events in the starting thread: of Python 3.12, and from 3.13 on."""

_DEPTH = 16
"""Number of frames of a waiting starter that are searched for `Thread.start`."""

_starters: WeakKeyDictionary[threading.Thread, tuple[object, ...]] = WeakKeyDictionary()
"""Ancestry of the starter of each thread."""

_ancestries: WeakKeyDictionary[threading.Thread, tuple[object, ...]] = WeakKeyDictionary()
"""Ancestry of each thread that was asked for it, or whose child was."""

_here = threading.local()
_is_recording = False


def record_starters() -> None:
    """Start recording which thread starts which. Recording cannot be stopped."""
    global _is_recording
    if not _is_recording:
        _is_recording = True
        listen(_note, _EVENTS)


def ancestry(default: tuple[object, ...] = ()) -> tuple[object, ...]:
    """Return one object for each known thread that led to the calling one, which is the last.

    A thread that started before recording, or outside Python's `threading`, has no known starter.
    Unlike identifiers of threads, the objects are not used again.

    Args:
        default: Ancestry of the assumed starter, if the calling thread has no known one.
    """
    found: tuple[object, ...] | None = getattr(_here, "ancestry", None)
    if found is None:
        thread = threading.current_thread()
        starter = _starters.get(thread)
        if starter is None and thread is not threading.main_thread():
            starter = _waiting_starter(thread)
        found = (*(default if starter is None else starter), object())
        _here.ancestry = found = _ancestries.setdefault(thread, found)
    return found


def _waiting_starter(thread: threading.Thread) -> tuple[object, ...] | None:
    """Return the ancestry of the thread that waits in `Thread.start` of another one."""
    frames = sys._current_frames()
    for each in threading.enumerate():
        frame = None if each.ident is None else frames.get(each.ident)
        for _ in range(_DEPTH):
            if frame is None:
                break
            code = frame.f_code
            if code.co_name == "start" and code.co_filename == threading.__file__:
                if frame.f_locals.get("self") is thread:
                    return _ancestries.setdefault(each, (object(),))
                break
            frame = frame.f_back
    return None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    thread = getattr(arguments[0], "__self__", None)  # of the bound method that the thread will run
    if isinstance(thread, threading.Thread):
        with suppress(Exception):  # it must not prevent the start
            _starters[thread] = ancestry()
