"""Reads at a position of an open file, also on systems without `pread` and `preadv`."""

from __future__ import annotations

import os
import threading

_lock = threading.Lock()
"""Held between a seek and the read after it, because threads share the position of a file."""


def open_flags() -> int:
    """Return the flags to open a file for reading bytes, without waiting for the writer of a pipe."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)  # Windows has only O_BINARY, and other systems the others
    return flags


def read_at(descriptor: int, length: int, position: int) -> bytes:
    """Return up to `length` bytes; fewer at the end of the file, or if the system returns fewer.

    Raises:
        OSError: The file cannot be read.
    """
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, position)
    with _lock:  # Windows
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, length)


def read_into_at(descriptor: int, buffer: memoryview, position: int) -> int:
    """Read bytes into a buffer, and return how many.

    Raises:
        OSError: The file cannot be read.
    """
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], position)
    part = read_at(descriptor, len(buffer), position)  # macOS before 11, and Windows
    buffer[: len(part)] = part
    return len(part)
