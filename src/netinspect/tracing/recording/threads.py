"""Threads that forward uses: the modes of a trace hold for one thread, so each enters its own.

`threading.setprofile` is public, and meant for this: each thread that begins calls the function that it
was given. Ours stays in the thread until the thread ends, since a thread of a pool waits for the next
look, or for code that is not a look's: modes that are over are left before that code runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol


class Part(Protocol):
    """What a trace records in one thread."""

    def leave_thread(self) -> bool:
        """End it; return False where it is in the middle of something, and must be asked again."""


class Look(Protocol):
    """What is recorded in every thread."""

    def enter_thread(self) -> Part:
        """Begin to record in the thread that calls this."""


_looks: list[Look] = []
"""Those that are under way, the innermost one last."""


@contextmanager
def in_all_threads(look: Look) -> Iterator[None]:
    """Have a trace record in the threads that begin meanwhile too."""
    before = threading.getprofile()

    def begin(frame: FrameType, event: str, arg: Any) -> None:
        watched = _Watched(frame, before)
        sys.setprofile(watched)
        watched(frame, event, arg)

    _looks.append(look)
    threading.setprofile(begin)
    try:
        yield
    finally:
        threading.setprofile(before)
        _looks.remove(look)


class _Watched:
    """The profile function of one thread.

    Args:
        outermost: The frame that the thread begins with.
        before: The profile function that it would have had.
    """

    def __init__(self, outermost: FrameType, before: Any) -> None:
        self._outermost: FrameType | None = outermost
        self._before = before
        self._look: Look | None = None
        self._part: Part | None = None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        look = next(iter(_looks[-1:]), None)  # at once: another thread may end it meanwhile
        is_over = event == "return" and frame is self._outermost
        if is_over or look is not self._look:
            self._go_on(None if is_over else look)
        if self._before is not None:
            self._before(frame, event, arg)

    def _go_on(self, look: Look | None) -> None:
        if self._part is not None and not self._part.leave_thread():
            return
        self._look = look
        self._part = None if look is None else look.enter_thread()
        if look is None:
            # No look is under way, so what comes is no one's to record.
            self._outermost = None
            sys.setprofile(self._before)
