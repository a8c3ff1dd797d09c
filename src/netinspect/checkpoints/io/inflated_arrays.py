"""Compressed arrays of npz archives, decompressed while they are read in order."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from netinspect.checkpoints.io.source import out_of_bounds
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.io.zip_directory import damaged


class InflatedArray:
    """Bytes of one array of an npz archive.

    Reading in order is cheap; going back decompresses from the start. Not thread-safe.
    """

    def __init__(self, archive: Archive, member: str) -> None:
        """Find the start of the array in its member.

        Raises:
            CheckpointError: The member is damaged.
            LoadError: The file cannot be read.
        """
        self.member = member
        self._archive = archive
        head, _ = archive.start(member, 12)
        # Six bytes of magic and two of the version precede the length of the header.
        wide = 2 if head[6:7] == b"\x01" else 4
        self._start = 8 + wide + int.from_bytes(head[8 : 8 + wide], "little")
        self._parts: Iterator[bytes] = iter(())
        self._part = memoryview(b"")
        self._position = 1 << 62
        """Offset in the member of the first byte of the current part."""

        self._checksum = 0
        """CRC-32 of all parts so far."""

    def read_into(self, position: int, buffer: memoryview) -> None:
        """Fill a buffer with the bytes of the array from a position on.

        Raises:
            CheckpointError: The array is damaged, or ends earlier.
            LoadError: The file cannot be read.
        """
        at, filled = self._start + position, 0
        if at < self._position:
            self._parts = self._archive.inflated(self.member)
            self._part, self._position, self._checksum = memoryview(b""), 0, 0
        while filled < len(buffer):
            skip = at + filled - self._position
            if skip < len(self._part):
                found = self._part[skip : skip + len(buffer) - filled]
                buffer[filled : filled + len(found)] = found
                filled += len(found)
            elif not self._next():
                size = self._position - self._start
                raise out_of_bounds(self._archive.source.name, position, len(buffer), size, "the array")
        if at + filled == self._archive.members[self.member].size:
            self._next()  # checks the checksum

    def _next(self) -> bool:
        """Advance to the next part; return False at the end."""
        part = next(self._parts, None)
        if part is None:
            member = self._archive.members[self.member]
            if self._position + len(self._part) == member.size and self._checksum != member.checksum:
                raise damaged(
                    self._archive.source, f"{self.member!r} has another checksum than it should"
                )
            return False
        self._position += len(self._part)
        self._part = memoryview(part)
        self._checksum = zlib.crc32(part, self._checksum)
        return True
