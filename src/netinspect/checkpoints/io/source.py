"""Where the bytes of a checkpoint come from: a file that is opened once, and read at positions.

Readers see a `Source` and nothing else, so that a file on the hub is read as one on the disk is.
"""

from __future__ import annotations

import io
import os
import stat
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol, Self

from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import StoredFile


class SkippedError(LoadError):
    """One file is not read, and others can be."""


class Source(Protocol):
    """Bytes that can be read at any position."""

    @property
    def name(self) -> str:
        """What to call it in an error."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    @property
    def remote(self) -> bool:
        """Whether each read takes a journey, so that few large ones are better than many small."""

    def read(self, position: int, length: int) -> bytes:
        """Return exactly so many bytes.

        Raises:
            CheckpointError: It ends before.
            LoadError: It cannot be read.
        """

    def stored_file(self) -> StoredFile:
        """Return its record."""


class Closing(AbstractContextManager["Closing"]):
    """What is closed at the end of its `with` statement."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds; once more does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalSource(Closing):
    """A regular file; FIFOs, devices and directories are refused before a byte is read.

    It is opened once and then only seen through its descriptor, so that what is checked is what is read.
    """

    remote = False

    def __init__(self, path: str, name: str | None = None) -> None:
        """Open it.

        Args:
            path: Where it is.
            name: What to call it; None for the path.

        Raises:
            LoadError: It is not there, is not a regular file, or may not be read.
        """
        self.name = path if name is None else name
        self._descriptor = -1
        try:
            self.path = os.path.abspath(path)
            # Opening alone can do harm: who waits to write into a FIFO would find no one there, and some
            # devices act. What is opened is traced again, in case that it was replaced meanwhile.
            self._status = os.stat(path)
            if stat.S_ISREG(self._status.st_mode):
                flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                self._descriptor = os.open(path, flags)
                self._status = os.fstat(self._descriptor)
        except OSError as error:
            raise LoadError(f"cannot read {self.name}", cause=error.strerror) from error
        except ValueError as error:  # a NUL in it, or half of a surrogate pair
            raise LoadError(f"cannot read {self.name}", cause=str(error)) from error
        self.size = self._status.st_size
        if not stat.S_ISREG(self._status.st_mode):
            self.close()
            raise LoadError(f"{self.name} is not a regular file")

    @property
    def descriptor(self) -> int:
        """For reading into buffers, as the values of tensors are."""
        return self._descriptor

    def read(self, position: int, length: int) -> bytes:
        """Return exactly so many bytes; see `Source`."""
        if length > max(0, self.size - position):
            # It is not even tried: room for all of it would be made first.
            raise self._too_short(position, length)
        parts: list[bytes] = []
        missing = length
        try:
            while missing > 0:
                part = os.pread(self._descriptor, missing, position + length - missing)
                if not part:
                    raise self._too_short(position, length)
                parts.append(part)
                missing -= len(part)
        except (OSError, OverflowError) as error:
            raise LoadError(f"cannot read {self.name}", cause=str(error)) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_into(self, position: int, buffer: memoryview) -> None:
        """Fill a buffer of bytes, as `read` does without a copy.

        Raises:
            CheckpointError: It ends before.
            LoadError: It cannot be read, or was written to meanwhile.
        """
        filled, length = 0, len(buffer)
        try:
            while filled < length:
                got = os.preadv(self._descriptor, [buffer[filled:]], position + filled)
                if not got:
                    self.check_unchanged()
                    raise self._too_short(position, length)
                filled += got
        except (OSError, OverflowError) as error:
            raise LoadError(f"cannot read {self.name}", cause=str(error)) from error

    def _too_short(self, position: int, length: int) -> CheckpointError:
        return CheckpointError(
            f"{self.name} ends too early",
            cause=f"{length:,} bytes should stand at byte {position:,}; the file "
            f"has {os.fstat(self._descriptor).st_size:,}",
            hint="it was cut short, or is still being written: fetch it again",
        )

    def check_unchanged(self) -> None:
        """Make sure that it is as it was when it was opened.

        Raises:
            LoadError: It was written to meanwhile.
        """
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise LoadError(
                f"{self.name} changed while it was read", hint="try again when it is written whole"
            )

    def stored_file(self) -> StoredFile:
        """Return its record."""
        return StoredFile(
            name=self.name, path=self.path, bytes=self.size, modified=self._status.st_mtime_ns
        )

    def close(self) -> None:
        """Close it; closing it twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class SourceFile(io.RawIOBase):
    """A source as a file object that can only be read, for libraries that want one."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise ValueError("a position before the start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read on from the position."""
        length = max(0, min(len(buffer), self._source.size - self._position))
        buffer[:length] = self._source.read(self._position, length)
        self._position += length
        return length
