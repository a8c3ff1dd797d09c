"""Work on the pieces of large files in a few threads, each with its own buffers.

Hashing and reading release the interpreter lock for a long time, so that two threads run in parallel.
numpy operations on a piece are too short for that (see `processes`). Results are in the order of the
tasks and do not depend on which thread ran them.
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
"""Called with the number of bytes done and the total."""

_MOST_VIEWS = 64
_MOST_CACHED = 2
_MOST_THREADS = 2
"""More threads would wait for memory and for the interpreter lock."""


class Workspace:
    """Reusable objects of a thread: arrays and sequential readers."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._views: dict[tuple[str, str, int], Array] = {}
        self._cache: dict[object, Any] = {}

    def take(self, use: str, dtype: str, size: int) -> Array:
        """Return an array for a use with arbitrary content."""
        key = use, dtype, size
        view = self._views.get(key)
        if view is not None:
            return view
        need = size * np.dtype(dtype).itemsize
        held = self._arrays.get(use)
        if held is None or held.nbytes < need:
            held = self._arrays[use] = np.empty(need, "u1")
            self._views.clear()  # views would keep the old array alive
        if len(self._views) >= _MOST_VIEWS:
            self._views.clear()
        self._views[key] = view = held[:need].view(dtype)
        return view

    def cached(self, key: object, make: Callable[[], K]) -> K:
        """Return the cached object for a key, or make it; only the last few are cached."""
        made: K = self._cache[key] if key in self._cache else make()
        self._cache[key] = made
        if len(self._cache) > _MOST_CACHED:
            del self._cache[next(iter(self._cache))]
        return made


class Meter:
    """Counter of bytes for a progress callback."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = self._expected = 0

    def expect(self, size: int) -> None:
        """Add to the total."""
        self._expected += size

    def add(self, size: int) -> None:
        """Add to the bytes that are done."""
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._expected)


def in_threads(
    tasks: Sequence[T],
    work: Callable[[T, Workspace], R],
    done: Callable[[T], None] | None = None,
    most: int = _MOST_THREADS,
) -> list[R]:
    """Run all tasks and return their results in order.

    The first exception stops the work and is raised after all threads have stopped.

    Args:
        tasks: The tasks; threads take them from the front.
        work: Runs one task.
        done: Called with each finished task, by one thread at a time.
        most: Maximum number of threads.
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
        # Any exception in one thread, including an interrupt, stops all; it is raised below.
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
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
