"""Threads of forward: modes are thread-local, so each thread enters its own.

`threading.setprofile` is public, and meant for this: each thread that begins calls the function that it
was given. Ours stays in the thread until the thread ends, since a thread of a pool waits for the next
run or for unrelated code: modes of a finished run are exited before other code runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol


class Part(Protocol):
    """Recording of one thread."""

    def leave_thread(self) -> bool:
        """Stop recording; return False if a call is open, so that the caller must retry."""


class Run(Protocol):
    """Recording of all threads."""

    def enter_thread(self) -> Part:
        """Start recording in the calling thread."""


_runs: list[Run] = []
"""Active runs, innermost last."""


@contextmanager
def in_all_threads(run: Run) -> Iterator[None]:
    """Record threads that start within the block."""
    before = threading.getprofile()

    def begin(frame: FrameType, event: str, arg: Any) -> None:
        watched = _Watched(frame, before)
        sys.setprofile(watched)
        watched(frame, event, arg)

    _runs.append(run)
    threading.setprofile(begin)
    try:
        yield
    finally:
        threading.setprofile(before)
        _runs.remove(run)


class _Watched:
    """The profile function of one thread.

    Args:
        outermost: The frame that the thread begins with.
        before: The profile function that it would have had.
    """

    def __init__(self, outermost: FrameType, before: Any) -> None:
        self._outermost: FrameType | None = outermost
        self._before = before
        self._run: Run | None = None
        self._part: Part | None = None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        run = next(iter(_runs[-1:]), None)  # at once: another thread may end it meanwhile
        is_over = event == "return" and frame is self._outermost
        if is_over or run is not self._run:
            self._go_on(None if is_over else run)
        if self._before is not None:
            self._before(frame, event, arg)

    def _go_on(self, run: Run | None) -> None:
        if self._part is not None and not self._part.leave_thread():
            return
        self._run = run
        self._part = None if run is None else run.enter_thread()
        if run is None:
            # No run is active, so stop profiling.
            self._outermost = None
            sys.setprofile(self._before)
