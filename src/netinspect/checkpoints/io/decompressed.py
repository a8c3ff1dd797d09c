"""Compressed files, decompressed into a temporary file without a name, and read as any other file."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace

from netinspect.checkpoints.io.compressed import DamagedError, TooMuch, decompress_into, peek
from netinspect.checkpoints.io.source import ByteSource, LocalSource
from netinspect.checkpoints.io.sub_source import MemorySource
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import StoredFile

LARGEST = 1 << 30
"""Bytes that a file may come to; a larger one is to be unpacked first."""


class UnpackedSource(LocalSource):
    """What a compressed file decompresses to; positions count in that.

    The temporary file has no name, so that nothing is left of it however the process ends.
    """

    def __init__(self, source: ByteSource, method: str) -> None:
        """Decompress a file.

        Args:
            source: The file.
            method: How it is compressed; see `method_of`.

        Raises:
            CheckpointError: It is damaged, or comes to more than is unpacked.
            LoadError: It cannot be read, or there is no room for it.
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
                cause=f"it is compressed by {method}, and does not decompress to its end",
                hint="it was cut short, or is still being written: fetch it again",
            ) from None
        except TooMuch:
            raise CheckpointError(
                f"{source.name} is too large to be read compressed",
                cause=f"it is compressed by {method}, and comes to more than {LARGEST:,} bytes",
                hint="unpack it first, and name the file that this makes",
            ) from None
        except OSError as error:
            raise LoadError(
                f"cannot decompress {source.name}",
                cause=error.strerror,
                hint="it needs room for a temporary file; TMPDIR names the folder",
            ) from error
        self._status = os.fstat(self._descriptor)
        self.size = self._status.st_size
        self.left = source.size - end
        """Bytes of the compressed file after its end."""

    def stored_file(self) -> StoredFile:
        """Return the record of the compressed file."""
        return self._stored


def peek_inside(source: ByteSource, method: str) -> ByteSource | None:
    """Return the first bytes of what a compressed file holds, as a source; None if it is damaged.

    Raises:
        LoadError: It cannot be read.
    """
    head = peek(source, method)
    return MemorySource(source, head) if head else None
