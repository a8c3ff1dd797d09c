"""Byte sources within another: members of an archive, pickles in a stream, decompressed bytes."""

from __future__ import annotations

from netinspect.checkpoints.io.source import ByteSource
from netinspect.records.checkpoint import StoredFile


class _InnerSource(ByteSource):
    """Bytes taken from another source, which names the file."""

    extent = "this part of it"

    def __init__(self, source: ByteSource, size: int) -> None:
        self.source = source
        self.size = size
        self.name = source.name
        self.path = source.path

    def stored_file(self) -> StoredFile:
        """Return the record of the whole file."""
        return self.source.stored_file()


class SubSource(_InnerSource):
    """A range of another source; offsets count from its first byte."""

    def __init__(self, source: ByteSource, start: int, size: int) -> None:
        """Take `size` bytes from byte `start` on; the caller has checked the range."""
        super().__init__(source, size)
        self.start = start
        self.remote = source.remote

    def file_position(self, position: int) -> int | None:
        """Return the offset in the file; see `ByteSource`."""
        return self.source.file_position(self.start + position)

    def _read(self, position: int, length: int) -> bytes:
        return self.source.read(self.start + position, length)


class MemorySource(_InnerSource):
    """Decompressed bytes, which the file does not contain as such."""

    def __init__(self, source: ByteSource, data: bytes) -> None:
        """Take the bytes, and the source that they were decompressed from."""
        super().__init__(source, len(data))
        self._data = data

    def file_position(self, position: int) -> int | None:
        """Return None: the file does not contain these bytes."""
        return None

    def _read(self, position: int, length: int) -> bytes:
        return self._data[position : position + length]
