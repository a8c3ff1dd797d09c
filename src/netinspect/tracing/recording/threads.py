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

from netinspect._utils.thread_starters import ancestry, record_starters


class Part(Protocol):
    """Recording of one thread."""

    def leave_thread(self) -> bool:
        """Stop recording; return False if a call is open and the caller has to retry."""


class Run(Protocol):
    """Recording of all threads."""

    def enter_thread(self) -> Part:
        """Start recording in the calling thread."""


_runs: list[tuple[tuple[object, ...], Run]] = []
"""Active runs with the ancestry of their own threads, innermost last."""

_before: Any = None
"""Function for new threads outside all runs."""


@contextmanager
def in_all_threads(run: Run) -> Iterator[None]:
    """Record threads that start within the block, if the calling thread or a descendant starts them."""
    global _before
    record_starters()
    active = (ancestry(), run)
    # A run in a thread of forward may end after the outer run, so the last to end restores the function.
    if not _runs:
        _before = threading.getprofile()
        threading.setprofile(_begin)
    _runs.append(active)
    try:
        yield
    finally:
        _runs.remove(active)
        if not _runs:
            threading.setprofile(_before)


def _begin(frame: FrameType, event: str, arg: Any) -> None:
    innermost = _runs[-1:]  # in one operation, because another thread may end it
    assumed = innermost[0][0] if innermost else ()
    before = _before
    if _innermost_run(ancestry(assumed)) is None:  # started by unrelated code
        sys.setprofile(before)
        if before is not None:
            before(frame, event, arg)
        return
    profile = _ThreadProfile(frame, before)
    sys.setprofile(profile)
    profile(frame, event, arg)


def _innermost_run(threads: tuple[object, ...]) -> Run | None:
    """Return the innermost run in the calling thread or in one that has led to it."""
    # The copy is one operation, because another thread may end a run.
    return next((run for own, run in reversed(_runs[:]) if own[-1] in threads), None)


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
        self._ancestry = ancestry()

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        run = _innermost_run(self._ancestry)
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
