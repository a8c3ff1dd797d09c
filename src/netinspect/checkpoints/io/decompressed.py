"""Byte sources of compressed files, decompressed into an unnamed temporary file."""

from __future__ import annotations

import os
import tempfile

from netinspect.checkpoints.io.compressed import DamagedError, TooMuch, decompress_into, peek
from netinspect.checkpoints.io.source import ByteSource, LocalSource
from netinspect.checkpoints.io.sub_source import MemorySource
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.base import replace
from netinspect.records.checkpoint import StoredFile

LARGEST = 1 << 30
"""Largest decompressed size in bytes; a larger file has to be decompressed by the user."""


class UnpackedSource(LocalSource):
    """Decompressed content of a compressed file; offsets count in the decompressed bytes.

    The temporary file has no name, so that it disappears however the process ends.
    """

    def __init__(self, source: ByteSource, method: str) -> None:
        """Decompress a file.

        Args:
            source: The file.
            method: Compression method; see `method_of`.

        Raises:
            CheckpointError: The file is damaged, or larger than `LARGEST` when decompressed.
            LoadError: The file cannot be read, or there is no space for a temporary file.
        """
        self._stored = replace(source.stored_file(), compressed=method)
        self.name = source.name
        self.path = source.path
        self._descriptor = -1
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                end = decompress_into(source, method, LARGEST, file.write)
                self._descriptor = os.dup(file.fileno())
        except DamagedError:
            raise CheckpointError(
                f"{source.name} is damaged",
                cause=f"it is compressed by {method}, and the compressed data is damaged or incomplete",
                hint="it was cut short, or is still being written: fetch it again",
            ) from None
        except TooMuch:
            raise CheckpointError(
                f"{source.name} is too large to be decompressed",
                cause=f"it is compressed by {method}, and decompresses to more than {LARGEST:,} bytes",
                hint="decompress it first, and name the resulting file",
            ) from None
        except OSError as error:
            raise LoadError(
                f"cannot decompress {source.name}",
                cause=error.strerror,
                hint="it needs space for a temporary file; TMPDIR sets the folder",
            ) from error
        self._status = os.fstat(self._descriptor)
        self.size = self._status.st_size
        self.left = source.size - end
        """Bytes after the compressed data."""

    def stored_file(self) -> StoredFile:
        """Return the record of the compressed file."""
        return self._stored


def peek_inside(source: ByteSource, method: str) -> ByteSource | None:
    """Return the first decompressed bytes of a file as a source; None if the file is damaged.

    Raises:
        LoadError: The file cannot be read.
    """
    head = peek(source, method)
    return MemorySource(source, head) if head else None
