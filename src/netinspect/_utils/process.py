"""State of the current process: its owner, its memory, and Python's garbage collector."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

is_ours = False
"""True if the process runs only one command of ours; set by the command line."""

before_user_code: Callable[[str], None] | None = None
"""Function to call with a target before its user code runs; set by the command line."""

on_phase: Callable[[str], None] | None = None
"""Function to call with what is done next; set by the command line while it shows progress."""

user_code_ran = False
"""True once user code has begun to run."""

goes_on_in_child = False
"""True while the process forks in order to continue in the child."""

_streams: list[object] = []

_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of glibc: minimum size of an allocation that gets separate pages."""

_LARGE = 128 * 1024
"""Initial threshold of glibc in bytes, which it otherwise raises when a larger block is freed."""


def die_with_parent() -> None:
    """Make the system kill this process when its parent ends; does nothing except on Linux."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG


def started_processes() -> list[int]:
    """Return the ids of up to 64 `multiprocessing` processes that Python would wait for at exit."""
    if (module := sys.modules.get("multiprocessing.process")) is None:
        return []
    with suppress(Exception):  # the user's code may have forked, or changed the module
        return [each.pid for each in module.active_children() if not each.daemon][:64]
    return []


def end_processes(numbers: Iterable[int]) -> None:
    """Send SIGTERM to processes."""
    import signal

    for each in numbers:
        with suppress(OSError):
            os.kill(each, signal.SIGTERM)


def keep_alive(*streams: object) -> None:
    """Keep former values of `sys.stdout` or `sys.stderr` alive until the process ends.

    Up to Python 3.13, `print` in another thread uses the current stream without a reference to it; the
    process crashes if the stream is freed meanwhile.
    """
    _streams.extend(streams)


def begin_phase(text: str) -> None:
    """Report what is done next, such as `importing torch`."""
    if on_phase is not None:
        on_phase(text)


def settle() -> None:
    """Exempt existing objects from garbage collection, and return freed memory to the system at once.

    Otherwise each garbage collection visits all objects of the libraries, and the collections at the end
    of the process take a third of a second with torch. Later objects, such as those of user code, are
    collected as usual.
    """
    if is_ours:
        gc.freeze()
        _give_pages_back()


def _give_pages_back() -> None:
    """Make glibc return every large allocation to the system when it is freed.

    Otherwise glibc reuses the memory of freed activations only if later ones fit: the peak of a
    ResNet-152 was 13 to 33 MiB higher, and different in each run.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    import ctypes

    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library
        return
    set_option(_MMAP_THRESHOLD, _LARGE)


@contextmanager
def in_a_folder() -> Iterator[None]:
    """Change to an existing folder for a while if the current folder was removed.

    MKL, a part of torch, ends the process if it is loaded without a current folder.
    """
    descriptor = None
    try:
        os.getcwd()
    except OSError:
        with suppress(OSError):
            descriptor = os.open(os.curdir, getattr(os, "O_PATH", os.O_RDONLY))
    if descriptor is None:
        yield
        return
    try:
        os.chdir(os.sep)
        yield
    finally:
        os.fchdir(descriptor)
        os.close(descriptor)


class Collector:
    """Python's garbage collector within `without_collector`."""

    def __init__(self) -> None:
        self._was_on = gc.isenabled()

    def put_back(self) -> None:
        """Enable the collector if it was enabled before."""
        if self._was_on:
            gc.enable()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Enable the collector for a while if it was enabled before, for example for user code."""
        self.put_back()
        try:
            yield
        finally:
            gc.disable()


@contextmanager
def without_collector() -> Iterator[Collector]:
    """Disable Python's garbage collector while only our own code runs.

    It would run after every few hundred records and visit them, and sometimes all objects of torch, over
    and over: to no avail, since records contain no reference cycles.
    """
    collector = Collector()
    gc.disable()
    try:
        yield collector
    finally:
        collector.put_back()
