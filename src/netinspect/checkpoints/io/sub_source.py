"""Parts of a source that are read as sources themselves: members of an archive, pickles in a stream."""

from __future__ import annotations

from netinspect.checkpoints.io.source import Source
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import StoredFile


class SubSource:
    """A stretch of another source; its positions count from its own first byte."""

    def __init__(self, source: Source, start: int, size: int) -> None:
        """See `size` bytes from byte `start` on; both were checked against the source's own size."""
        self.source = source
        self.start = start
        self.size = size
        self.name = source.name
        self.path = source.path
        self.remote = source.remote

    def read(self, position: int, length: int) -> bytes:
        """Return exactly so many bytes; see `Source`."""
        if position < 0 or length < 0 or position + length > self.size:
            raise ends_early(self.name, position, length, self.size)
        return self.source.read(self.start + position, length)

    def position(self, inner: int) -> int | None:
        """Return the byte of the file at which the byte `inner` stands; None if it is in none."""
        return position_in_file(self.source, self.start + inner)

    def stored_file(self) -> StoredFile:
        """Return the record of the whole file."""
        return self.source.stored_file()


class MemorySource:
    """Bytes that were inflated and stand as they are in no file."""

    def __init__(self, source: Source, data: bytes) -> None:
        """Take the bytes, and the source that they were inflated from."""
        self._source = source
        self._data = data
        self.size = len(data)
        self.name = source.name
        self.path = source.path
        self.remote = False

    def read(self, position: int, length: int) -> bytes:
        """Return exactly so many bytes; see `Source`."""
        if position < 0 or length < 0 or position + length > self.size:
            raise ends_early(self.name, position, length, self.size)
        return self._data[position : position + length]

    def position(self, inner: int) -> int | None:
        """Return None: they are in no file."""
        return None

    def stored_file(self) -> StoredFile:
        """Return the record of the whole file."""
        return self._source.stored_file()


def position_in_file(source: Source, inner: int) -> int | None:
    """Return the byte of the file at which a byte of a source stands; None if it is in none."""
    return source.position(inner) if isinstance(source, SubSource | MemorySource) else inner


def ends_early(name: str, position: int, length: int, size: int) -> CheckpointError:
    """Make the error of a part that should reach beyond the end of what holds it."""
    return CheckpointError(
        f"{name} ends too early",
        cause=f"{length:,} bytes should stand at byte {position:,} of a part that has {size:,}",
        hint="it was cut short, or is still being written: fetch it again",
    )
