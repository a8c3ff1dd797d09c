"""Lock around runs, because a run changes the model and the process until it is restored.

Runs of different threads wait for each other. A run inside another one, in the same thread or in a
thread that it has started, does not wait for the outer one, which may be waiting for that thread. Such
inner runs wait for each other.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from netinspect._utils.thread_starters import ancestry, record_starters

_PATIENCE = 10.0
"""Seconds after which a waiting thread is reported."""


class Turn:
    """Turn of one thread, inside which its own runs and those of its descendants take turns.

    Args:
        owner: The thread, as in `ancestry`.
        ended: Event at the end of the turn.
        is_closed: Whether other threads are refused.
    """

    def __init__(self, owner: object, ended: threading.Event, *, is_closed: bool = False) -> None:
        self._owner = owner
        self._is_closed = is_closed
        self.ended = ended
        self.thread = threading.current_thread().name
        self.inner = Slot()

    def admits(self, threads: tuple[object, ...]) -> bool:
        """Return whether a thread with this ancestry may run inside the turn."""
        return threads[-1] is self._owner or (not self._is_closed and self._owner in threads)

    def close(self) -> None:
        """Wait for runs of other threads inside the turn, and let no others begin."""
        closed = Turn(self._owner, self.ended, is_closed=True)
        while not (holder := self.inner.taken_by(closed)).is_closed:
            _wait(holder)

    @property
    def is_closed(self) -> bool:
        """True for a turn that refuses other threads."""
        return self._is_closed


class Slot:
    """Place for one turn; taking it is one operation, so that Ctrl-C cannot leave it taken by nobody."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    def taken_by(self, turn: Turn) -> Turn:
        """Take the place if it is free; return whose it is."""
        return self._turns.setdefault("turn", turn)

    def holder(self) -> Turn | None:
        """Return whose the place is."""
        return self._turns.get("turn")

    def clear(self) -> None:
        """Free the place."""
        self._turns.clear()


_outermost = Slot()


@contextmanager
def run_lock() -> Iterator[Turn]:
    """Wait for runs of other threads, and let these wait until the end of the block."""
    record_starters()
    threads = ancestry()
    mine = Turn(threads[-1], threading.Event())
    slot = _outermost
    try:
        while (holder := (slot := _slot(threads)).taken_by(mine)) is not mine:
            if not holder.admits(threads):
                _wait(holder)
        yield mine
    finally:
        if slot.holder() is mine:
            try:
                mine.close()
            finally:
                slot.clear()
                mine.ended.set()


def _slot(threads: tuple[object, ...]) -> Slot:
    """Return the slot in which a thread takes its turn."""
    slot = _outermost
    while (holder := slot.holder()) is not None and holder.admits(threads):
        slot = holder.inner
    return slot


def _wait(turn: Turn) -> None:
    if not turn.ended.wait(_PATIENCE):
        logging.getLogger("netinspect").warning(
            "netinspect in thread %s waits for the run in thread %s to end; if that run waits for this "
            "thread, start the thread in forward or call netinspect outside it",
            threading.current_thread().name,
            turn.thread,
        )
        turn.ended.wait()


def _forget_other_threads() -> None:
    """Free the slot of the only thread of a forked process."""
    _slot(ancestry()).clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
