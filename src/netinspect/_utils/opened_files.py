"""Files that this process has opened for reading; outputs must not replace them."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from netinspect._utils import process
from netinspect._utils.audit_events import listen

_paths: dict[str, None] = {}
_is_recording = False
_notifications: dict[str, int] = {}
"""Descriptors of fanotify groups by the real path of the watched file."""

only_read: set[str] = set()
"""Absolute paths of source files that were read as text, and were not imported by then."""

_started_process = False
"""True if this process has started others, which the kernel does not name to an unprivileged process."""

_STARTS = frozenset(("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn"))
_WRITE_ONLY = frozenset("wx")
_FAN_OPEN = 0x20
_FAN_MARK_ADD = 0x1
_FAN_CLOEXEC, _FAN_NONBLOCK, _FAN_REPORT_FID = 0x1, 0x2, 0x200
_AT_FDCWD = -100
_EVENT = struct.Struct("=IBBHQii")
"""`struct fanotify_event_metadata` of Linux: length, version, reserved, length of this part, mask,
descriptor, process."""


def record_opened() -> None:
    """Start recording the files that Python opens, in any thread. Recording cannot be stopped."""
    global _is_recording
    if not _is_recording:
        _is_recording = True
        listen(_note, (*_STARTS, "open", "sqlite3.connect"))


def note_opened(path: str) -> None:
    """Record a file that was not opened by Python, or was opened by another process."""
    _paths[path] = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    global _started_process
    if event in _STARTS:
        _started_process |= not process.goes_on_in_child
    elif event == "open":
        path, mode, flags = arguments
        if isinstance(mode, str):
            reads = _WRITE_ONLY.isdisjoint(mode)
        else:
            reads = flags & (os.O_WRONLY | os.O_TRUNC) == 0
        if reads and not isinstance(path, int):
            with suppress(Exception):  # it must not break the user's call
                # Made absolute here, because the current folder may change later.
                _paths[os.path.abspath(os.fsdecode(path))] = None
    else:
        with suppress(Exception):
            _paths[os.path.abspath(os.fsdecode(arguments[0]))] = None


def opened_paths() -> Iterator[str]:
    """Yield the absolute paths of opened files and of the files of all modules."""
    yield from (sys.executable, os.path.join(sys.prefix, "pyvenv.cfg"))
    yield from list(_paths)
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        for name in ("__file__", "__cached__"):
            if isinstance(path := names.get(name), str):
                yield path


def watch(file: str | os.PathLike[str]) -> None:
    """Have the kernel report who opens a file, compiled code included; not every system can.

    Python's audit hook does not see what compiled code opens, such as `torch.jit.load`. Linux reports a
    process at least whether it was itself (fanotify, from 5.13 on without privileges).
    """
    path = os.path.realpath(file)
    if sys.platform != "linux" or path in _notifications or not os.path.isfile(path):
        return
    import ctypes

    try:
        libc = ctypes.CDLL(None)
        init, mark = libc.fanotify_init, libc.fanotify_mark
    except (OSError, AttributeError):
        return
    mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
    for kind in (_FAN_REPORT_FID, 0):
        descriptor = init(_FAN_CLOEXEC | _FAN_NONBLOCK | kind, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        if descriptor < 0:
            continue
        if mark(descriptor, _FAN_MARK_ADD, _FAN_OPEN, _AT_FDCWD, os.fsencode(path)) == 0:
            _notifications[path] = descriptor
            return
        os.close(descriptor)


def opener(file: str | os.PathLike[str]) -> str | None:
    """Return which process opened a watched file, as reported by the kernel.

    The kernel does not identify another process to an unprivileged one. So any other process counts if
    this one has started some.
    """
    descriptor = _notifications.get(os.path.realpath(file))
    if descriptor is None:
        return None
    # `spawn` of multiprocessing has no audit event.
    others = _started_process or "multiprocessing.popen_spawn_posix" in sys.modules
    found = None
    with suppress(OSError, struct.error):
        while events := os.read(descriptor, 8192):
            start = 0
            while start + _EVENT.size <= len(events):
                length, *_, opened, number = _EVENT.unpack_from(events, start)
                if number == os.getpid():
                    found = "this process"
                elif others and found is None:
                    found = "another process"
                if opened >= 0:
                    os.close(opened)
                start += max(length, _EVENT.size)
    return found
