"""Threads of forward: torch modes are thread-local, so each thread enters its own.

The public `threading.setprofile` sets a function that every new thread calls. The function stays active
until the thread ends, because a pool reuses its threads for the next run or for unrelated code. It exits
the modes of a finished run before other code runs.
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
        """Stop recording; return False if a call is open and the caller has to retry."""


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
        profile = _ThreadProfile(frame, before)
        sys.setprofile(profile)
        profile(frame, event, arg)

    _runs.append(run)
    threading.setprofile(begin)
    try:
        yield
    finally:
        threading.setprofile(before)
        _runs.remove(run)


class _ThreadProfile:
    """Profile function of one thread.

    Args:
        outermost: Outermost frame of the thread.
        before: Profile function that the thread would otherwise have.
    """

    def __init__(self, outermost: FrameType, before: Any) -> None:
        self._outermost: FrameType | None = outermost
        self._before = before
        self._run: Run | None = None
        self._part: Part | None = None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        run = next(iter(_runs[-1:]), None)  # in one operation, because another thread may end it
        is_ending = event == "return" and frame is self._outermost
        if is_ending or run is not self._run:
            self._switch_to(None if is_ending else run)
        if self._before is not None:
            self._before(frame, event, arg)

    def _switch_to(self, run: Run | None) -> None:
        if self._part is not None and not self._part.leave_thread():
            return
        self._run = run
        self._part = None if run is None else run.enter_thread()
        if run is None:
            # No run is active, so stop profiling.
            self._outermost = None
            sys.setprofile(self._before)
