"""The process that runs us: whether it is the command line's; its memory and its collector."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

is_ours = False
"""Whether nothing goes on in it but one command; set by the command line."""

before_user_code: Callable[[str], None] | None = None
"""What to do before code of the user's is run for a target; set by the command line."""

user_code_ran = False
"""Whether user code has begun to run."""

goes_on_in_child = False
"""Whether the process forks at this moment in order to go on in the child itself."""

_streams: list[object] = []

_MMAP_THRESHOLD = -3
"""glibc's name for the size from which on an allocation is pages of its own: M_MMAP_THRESHOLD."""

_LARGE = 128 * 1024
"""What glibc begins with itself, in bytes, before it takes what was freed for what will be wanted."""


def die_with_parent() -> None:
    """Have the system end this process when the one that started it ends; only Linux can."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG


def started_processes() -> list[int]:
    """Return the processes of `multiprocessing` that Python would wait for at its end, 64 at most."""
    if (module := sys.modules.get("multiprocessing.process")) is None:
        return []
    with suppress(Exception):  # the user's code may have forked, or changed the module
        return [each.pid for each in module.active_children() if not each.daemon][:64]
    return []


def end_processes(numbers: Iterable[int]) -> None:
    """Ask processes to end."""
    import signal

    for each in numbers:
        with suppress(OSError):
            os.kill(each, signal.SIGTERM)


def keep_alive(*streams: object) -> None:
    """Keep streams that were `sys.stdout` or `sys.stderr` for a while until the process ends.

    `print` in another thread uses the current stream without a reference of its own, up to Python 3.13;
    the process crashes if the stream is freed meanwhile.
    """
    _streams.extend(streams)


def settle() -> None:
    """Take what libraries have made so far for what stays until the end, and let go of the rest at once.

    Else each collection of Python's walks through all of it, and those at the end of the process take a
    third of a second with torch. What is made from here on, as by a file of the user's, is collected as
    ever.
    """
    if is_ours:
        gc.freeze()
        _give_pages_back()


def _give_pages_back() -> None:
    """Let every large allocation go back to the system as it is freed.

    Else glibc keeps the first activations of a forward for the next ones, which fit between what is
    there by now or not: the peak of a ResNet-152 was 13 to 33 MiB higher, and another in each run.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    import ctypes

    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library: it has ways of its own
        return
    set_option(_MMAP_THRESHOLD, _LARGE)


@contextmanager
def in_a_folder() -> Iterator[None]:
    """Be in a folder that is there, for a while, if the current one was removed.

    MKL, a part of torch, ends the process if it is loaded without one.
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
    """Python's collector of cycles while `without_collector` is entered."""

    def __init__(self) -> None:
        self._was_on = gc.isenabled()

    def put_back(self) -> None:
        """Switch it on, if it was."""
        if self._was_on:
            gc.enable()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let it do meanwhile what it did before, as for code of the user's."""
        self.put_back()
        try:
            yield
        finally:
            gc.disable()


@contextmanager
def without_collector() -> Iterator[Collector]:
    """Hold Python's collector of cycles while only our own code runs.

    It starts again after every few hundred records, and walks through them again and again, now and then
    also through all that torch has made: for nothing, since they refer to themselves nowhere.
    """
    collector = Collector()
    gc.disable()
    try:
        yield collector
    finally:
        collector.put_back()
