"""Byte source in memory, for tests."""

from __future__ import annotations

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.readers import read_source
from netinspect.records.checkpoint import Checkpoint, StoredFile


class MemorySource(ByteSource):
    """Bytes that can be read at any position, and a count of the reads."""

    name = "file"
    path = "/nowhere/file"

    def __init__(self, data: bytes, *, remote: bool = False) -> None:
        self._data = data
        self.size = len(data)
        self.remote = remote
        self.reads = 0

    def read(self, position: int, length: int) -> bytes:
        assert position >= 0
        assert length >= 0
        self.reads += 1
        return super().read(position, length)

    def _read(self, position: int, length: int) -> bytes:
        return self._data[position : position + length]

    def stored_file(self) -> StoredFile:
        return StoredFile(name=self.name, path=self.path, bytes=self.size)


def read(data: bytes) -> Checkpoint:
    """Read a checkpoint of any format."""
    return read_source(MemorySource(data))
