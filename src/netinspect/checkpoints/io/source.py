"""Byte sources: files that are opened once and read at offsets.

Readers of formats see a `ByteSource` only, so that they read a file on the hub like a local one.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar, Self

from netinspect._utils import units
from netinspect._utils.positioned_reads import open_flags, read_at, read_into_at
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import StoredFile

_PIECE = 1 << 20


class SkippedError(LoadError):
    """One file is not read; others can be."""


class ByteSource(ABC):
    """Bytes that can be read at any offset.

    A subclass defines `_read` and `stored_file`; `read` checks the range before it calls `_read`.
    """

    name: str
    """Name for messages."""

    path: str
    """Path or address of the file."""

    size: int
    """Length in bytes."""

    remote: bool = False
    """True if each read is a network request: few large reads are better than many small ones."""

    extent: ClassVar[str] = "the file"
    """Noun for the bytes in the message about a range that is out of bounds."""

    def read(self, position: int, length: int) -> bytes:
        """Return exactly `length` bytes.

        Raises:
            CheckpointError: The range is out of bounds.
            LoadError: The file cannot be read.
        """
        self.check_range(position, length)
        return self._read(position, length) if length else b""

    def skip_zeros(self, start: int = 0, end: int | None = None) -> int:
        """Return the offset of the first byte other than zero from `start` on, or `end` without one.

        Raises:
            LoadError: The file cannot be read.
        """
        end = self.size if end is None else min(end, self.size)
        for at in range(start, end, _PIECE):
            piece = self.read(at, min(_PIECE, end - at))
            if left := piece.lstrip(b"\0"):
                return at + len(piece) - len(left)
        return end

    def check_range(self, position: int, length: int) -> None:
        """Check that a range is within the source; an empty range may be anywhere.

        Raises:
            CheckpointError: The range is out of bounds.
        """
        if position < 0 or length < 0 or (length and position + length > self.size):
            raise self.out_of_bounds(position, length, self.size)

    def out_of_bounds(self, position: int, length: int, size: int) -> CheckpointError:
        """Return the error for a range that is not within the `size` bytes of a source."""
        return out_of_bounds(self.name, position, length, size, self.extent, remote=self.remote)

    def file_position(self, position: int) -> int | None:
        """Return the offset in the file of a byte of the source; None if it is not in the file."""
        return position

    @abstractmethod
    def stored_file(self) -> StoredFile:
        """Return the record of the file."""

    @abstractmethod
    def _read(self, position: int, length: int) -> bytes:
        """Return exactly `length` bytes, at least one, of a range within the source."""


def out_of_bounds(
    name: str, position: int, length: int, size: int, extent: str, *, remote: bool = False
) -> CheckpointError:
    """Return the error for a range that is not within the `size` bytes of `extent`."""
    expected = f"{units.plural(length, 'byte')} at offset {position:,}"
    return CheckpointError(
        f"{name} ends too early",
        cause=f"expected {expected}, but {extent} has only {size:,}",
        hint=None if remote else "it was cut short, or is still being written: fetch it again",
    )


class Closing(AbstractContextManager["Closing"]):
    """Context manager that closes itself on leaving."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalSource(ByteSource, Closing):
    """A regular file; FIFOs, devices and directories are refused before a byte is read.

    The file is opened once and used through its descriptor only: the file that was checked is read.
    """

    def __init__(self, path: str, name: str | None = None) -> None:
        """Open a file.

        Args:
            path: Path of the file.
            name: Name for messages; None for the path.

        Raises:
            LoadError: The file does not exist, is not a regular file, or cannot be opened.
        """
        self.name = path if name is None else name
        self._descriptor = -1
        try:
            self.path = os.path.abspath(path)
            # Opening alone can do harm: a process that waits to write into a FIFO would be released, and
            # some devices act. The opened file is checked again in case it was replaced meanwhile.
            self._status = os.stat(path)
            if stat.S_ISREG(self._status.st_mode):
                self._descriptor = os.open(path, open_flags())
                self._status = os.fstat(self._descriptor)
        except OSError as error:
            raise LoadError(f"cannot read {self.name}", cause=error.strerror) from error
        except ValueError as error:  # a NUL or half of a surrogate pair in the path
            raise LoadError(f"cannot read {self.name}", cause=str(error)) from error
        self.size = self._status.st_size
        if not stat.S_ISREG(self._status.st_mode):
            self.close()
            raise LoadError(f"{self.name} is not a regular file")

    def _read(self, position: int, length: int) -> bytes:
        parts: list[bytes] = []
        missing = length
        try:
            while missing > 0:
                part = read_at(self._descriptor, missing, position + length - missing)
                if not part:
                    raise self._truncated(position, length)
                parts.append(part)
                missing -= len(part)
        except (OSError, OverflowError) as error:
            raise LoadError(f"cannot read {self.name}", cause=str(error)) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_into(self, position: int, buffer: memoryview) -> None:
        """Fill a buffer of bytes; `read` without a copy.

        Raises:
            CheckpointError: The range is out of bounds.
            LoadError: The file cannot be read, or was written to meanwhile.
        """
        filled, length = 0, len(buffer)
        self.check_range(position, length)
        try:
            while filled < length:
                got = read_into_at(self._descriptor, buffer[filled:], position + filled)
                if not got:
                    self.check_unchanged()
                    raise self._truncated(position, length)
                filled += got
        except (OSError, OverflowError) as error:
            raise LoadError(f"cannot read {self.name}", cause=str(error)) from error

    def _truncated(self, position: int, length: int) -> CheckpointError:
        """Return the error for a file that is shorter than when it was opened."""
        return self.out_of_bounds(position, length, os.fstat(self._descriptor).st_size)

    def check_unchanged(self) -> None:
        """Check that the file has not changed since it was opened.

        Raises:
            LoadError: The file was written to meanwhile.
        """
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise LoadError(
                f"{self.name} changed while it was read", hint="try again when it is written whole"
            )

    def stored_file(self) -> StoredFile:
        """Return the record of the file."""
        return StoredFile(
            name=self.name, path=self.path, bytes=self.size, modified=self._status.st_mtime_ns
        )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
