"""Work on the pieces of large files in a few threads, each with room of its own.

Hashing and reading let go of the interpreter for long stretches, so that two threads get on at once;
what numpy computes of a piece takes too little time for that (see `processes`). The results come in the
order of the tasks, whoever did them: what is made of them does not depend on luck.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from netinspect.checkpoints.values.dtypes import Array

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""

_MOST_VIEWS = 64
_MOST_KEPT = 2
_MOST_THREADS = 2
"""More would wait for the memory, and for the interpreter between the steps."""


class Workspace:
    """What a thread uses again and again: arrays, and what reads forward."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._views: dict[tuple[str, str, int], Array] = {}
        self._kept: dict[object, Any] = {}

    def take(self, use: str, dtype: str, size: int) -> Array:
        """Return an array for a use, with whatever the last one left in it."""
        key = use, dtype, size
        view = self._views.get(key)
        if view is not None:
            return view
        need = size * np.dtype(dtype).itemsize
        held = self._arrays.get(use)
        if held is None or held.nbytes < need:
            held = self._arrays[use] = np.empty(need, "u1")
            self._views.clear()  # lest they hold what is let go of here
        if len(self._views) >= _MOST_VIEWS:
            self._views.clear()
        self._views[key] = view = held[:need].view(dtype)
        return view

    def kept(self, key: object, make: Callable[[], K]) -> K:
        """Return what was made for a key, if that was among the last things to be kept; else make it."""
        made: K = self._kept[key] if key in self._kept else make()
        self._kept[key] = made
        if len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return made


class Meter:
    """Keeps count of bytes for whoever wants to know."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = self._expected = 0

    def expect(self, size: int) -> None:
        """More is to be read."""
        self._expected += size

    def add(self, size: int) -> None:
        """So much more was read."""
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._expected)


def in_threads(
    tasks: Sequence[T],
    work: Callable[[T, Workspace], R],
    done: Callable[[T], None] | None = None,
    most: int = _MOST_THREADS,
) -> list[R]:
    """Do all tasks, and return what came of them, in their order.

    The first exception ends the work, and is raised when all threads have stopped.

    Args:
        tasks: What to do; the threads take from the front.
        work: Does one task.
        done: Told of each task that is done, by one thread at a time.
        most: Threads.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(tasks))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def serve() -> None:
        workspace = Workspace()
        try:
            while not failures:
                with lock:
                    number, task = next(waiting, (None, None))
                if number is None:
                    return
                result = work(task, workspace)  # type: ignore[arg-type]
                with lock:
                    results[number] = result
                    if done is not None:
                        done(task)  # type: ignore[arg-type]
        # Whatever ends one thread, an interrupt too, ends all, and is raised below.
        except BaseException as error:
            failures.append(error)

    helpers = [
        threading.Thread(target=serve, daemon=True)
        for _ in range(min(most, processors(), len(tasks)) - 1)
    ]
    for helper in helpers:
        helper.start()
    serve()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]
    return [results[number] for number in range(len(tasks))]


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
