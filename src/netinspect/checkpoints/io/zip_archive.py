"""Zip archives, with checks that all readers see the same content.

Of two members with one name Python's `zipfile` takes the last, and torch one or the other, depending on
the number of members. Some readers take sizes from the directory, others from the header before the
member. An archive on which they would disagree is an error, or at least a warning. Nothing is extracted:
names such as `../x` are only names.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain

from netinspect.checkpoints.io.short_text import some
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import MemorySource, SubSource
from netinspect.checkpoints.io.zip_directory import (
    DEFLATED,
    ELSEWHERE,
    ENCRYPTED,
    LOCAL,
    STORED,
    Member,
    damaged,
    find_directory,
    odd_extra,
    read_directory,
    wide_numbers,
)
from netinspect.errors import CheckpointError

LARGEST_INFLATED = 64 << 20
"""Largest decompressed size of a member in bytes."""

_MOST_INFLATED = 2 * LARGEST_INFLATED
"""Largest decompressed size of all opened members of an archive in bytes."""

_SIZES_FOLLOW = 8
_CHECKED = 16 << 20
_CHUNK = 1 << 20
_START_MORE = 4096
_END_RECORD = b"PK\x05\x06"
_END_SIZE = 22
_END64_AND_LOCATOR = 56 + 20


class NotRead(CheckpointError):
    """A member is encrypted, too large, or compressed by an unknown method."""


class Archive:
    """Members of a zip archive."""

    def __init__(self, source: ByteSource, *, encrypted: bool = False) -> None:
        """Read the directory.

        Args:
            source: The file.
            encrypted: Accept members that need a password; they cannot be opened.

        Raises:
            CheckpointError: The archive is damaged, ambiguous or encrypted.
            LoadError: The source cannot be read.
        """
        self.source = source
        self._folded: dict[str, list[str]] | None = None
        self._inflated = 0
        self._misnamed: list[str] = []
        self._miscounted: list[str] = []
        count, start, length = find_directory(source)
        self._directory = start
        self._length = length
        self.members = read_directory(source, count, start, length)
        """Members by name, in the order of the directory."""

        locked = next((each.name for each in self.members.values() if each.encrypted), None)
        if locked is not None and not encrypted:
            raise self._encrypted(locked)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the members that have been located or read so far."""
        found = []
        if self._misnamed:
            found.append(
                f"{some(self._misnamed)}: the name before the bytes differs from that in the archive's "
                "directory, which torch uses"
            )
        if self._miscounted:
            found.append(f"{some(self._miscounted)}: the checksum is wrong, but torch loads it")
        return tuple(found)

    def find(self, name: str) -> str | None:
        """Return the member that torch would take for a name: it ignores case.

        Raises:
            CheckpointError: Several members match.
        """
        if self._folded is None:
            self._folded = {}
            for each in self.members:
                self._folded.setdefault(each.lower(), []).append(each)
        matches = self._folded.get(name.lower(), [])
        if len(matches) > 1:
            raise CheckpointError(
                f"{self.source.name} is ambiguous",
                cause=f"it has both {matches[0]!r:.100} and {matches[1]!r:.100}",
            )
        return matches[0] if matches else None

    def position(self, name: str) -> int | None:
        """Return the offset of a member's bytes in the source.

        None if they are compressed or the source is remote, because the header of each member would have
        to be fetched.
        """
        member = self.members[name]
        if member.compressed or self.source.remote:
            return None
        return self._locate(member)

    def open(
        self, name: str, limit: int = LARGEST_INFLATED, *, check: bool = True
    ) -> SubSource | MemorySource:
        """Return a member as a source; a member without compression is not copied.

        Args:
            name: Name of a member.
            limit: Largest decompressed size in bytes.
            check: Whether to read a small member without compression to verify its checksum.
        """
        member = self.members[name]
        if member.encrypted:
            raise self._encrypted(name)
        if member.method == STORED:
            opened = SubSource(self.source, self._locate(member), member.size)
            # torch ignores the checksum: a large or remote member is not read only to verify it.
            check = check and member.size <= _CHECKED and not self.source.remote
            if check and _checksum(opened) != member.checksum:
                self._note(self._miscounted, name)
            return opened
        return MemorySource(self.source, self._inflate(member, limit))

    def read(self, name: str, limit: int = LARGEST_INFLATED) -> bytes:
        """Return a member's bytes.

        Args:
            name: Name of a member.
            limit: Largest size in bytes.
        """
        if self.members[name].size > limit:
            raise self._too_large(name, limit)
        opened = self.open(name, limit)
        return opened.read(0, opened.size)

    def start(self, name: str, length: int) -> tuple[bytes, int | None]:
        """Return the first bytes of a member, and their offset in the source if it is not compressed.

        The checksum is not verified.

        Args:
            name: Name of a member.
            length: Number of bytes; fewer if the member is shorter.
        """
        member = self.members[name]
        if member.encrypted:
            raise self._encrypted(name)
        at = self._locate(member)
        length = min(length, member.size)
        if member.method == STORED:
            return self.source.read(at, length), at
        if member.method != DEFLATED:
            raise self._unknown(member)
        # Incompressible data takes a few bytes more than its own length.
        packed = self.source.read(at, min(member.stored, length + _START_MORE))
        try:
            raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length)
        except zlib.error as error:
            raise self._damaged(f"{name!r:.100} cannot be inflated: {error}") from None
        if len(raw) < length:
            raise self._damaged(f"{name!r:.100} ends after {len(raw):,} bytes")
        return raw, None

    def unused(self) -> Iterator[tuple[int, int]]:
        """Iterate over the offsets and sizes of ranges outside all members and the directory.

        Raises:
            CheckpointError: The header of a member is damaged.
        """
        end = 0
        for member in sorted(self.members.values(), key=lambda each: each.header):
            yield end, member.header - end
            end = self._locate(member) + member.stored
            if member.flags & _SIZES_FOLLOW:
                end += self._descriptor(member, end)
        yield end, self._directory - end
        end = self._directory + self._length
        end += 0 if self.source.read(end, 4) == _END_RECORD else _END64_AND_LOCATOR
        yield min(end + _END_SIZE, self.source.size), max(0, self.source.size - end - _END_SIZE)

    def extra(self, name: str) -> bytes:
        """Return the unusual content of the extra fields in both headers of a member."""
        member = self.members[name]
        start = member.header + LOCAL.size + len(member.raw_name)
        length = max(0, self._locate(member) - start)
        return odd_extra(member.extra) + odd_extra(self.source.read(start, length))

    def _descriptor(self, member: Member, at: int) -> int:
        """Return the size of the data descriptor after a member, 0 without one."""
        raw = self.source.read(at, min(24, self._directory - at))
        marked = raw[:4] == b"PK\x07\x08"
        checksum = member.checksum.to_bytes(4, "little")
        if raw[4 * marked :][:4] != checksum:
            return 0
        wide = raw[4 * marked + 4 :][:8] == member.stored.to_bytes(8, "little")
        return 4 * marked + (20 if wide else 12)

    def _locate(self, member: Member) -> int:
        """Check the header of a member against the directory; return the offset of its bytes."""
        start: int
        head = self.source.read(member.header, LOCAL.size + len(member.raw_name))
        signature, _, flags, method, _, _, _, stored, size, name_length, extra_length = (
            LOCAL.unpack_from(head)
        )
        if signature != b"PK\x03\x04":
            raise self._damaged(f"expected the member {member.name!r:.100} at offset {member.header:,}")
        start = member.header + LOCAL.size + name_length + extra_length
        if start + member.stored > self._directory:
            raise self._damaged(f"{member.name!r:.100} extends into the directory after the members")
        if name_length != len(member.raw_name) or head[LOCAL.size :] != member.raw_name:
            self._note(self._misnamed, member.name)
        if ELSEWHERE in (stored, size):
            at = member.header + LOCAL.size + name_length
            size, stored, _ = wide_numbers(self.source.read(at, extra_length), size, stored, 0)
        follow = flags & _SIZES_FOLLOW and not stored and not size
        if not follow and (stored, size) != (member.stored, member.size):
            raise self._damaged(
                f"{member.name!r:.100} has {member.size:,} bytes by the directory, "
                f"{size:,} by its own header"
            )
        if method != member.method or (flags ^ member.flags) & ENCRYPTED:
            raise self._damaged(
                f"{member.name!r:.100} is stored differently from its entry in the directory"
            )
        return start

    def inflated(self, name: str) -> Iterator[bytes]:
        """Decompress a member in pieces, without a limit.

        The checksum is not verified.

        Raises:
            CheckpointError: The member is damaged, or its size differs from that in the directory.
            LoadError: The source cannot be read.
        """
        member = self.members[name]
        start = self._locate(member)
        if member.method != DEFLATED:
            raise self._unknown(member)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        total = done = 0
        try:
            while done < member.stored and not inflater.eof:
                length = min(_CHUNK, member.stored - done)
                left = self.source.read(start + done, length)
                done += length
                while left:
                    part = inflater.decompress(left, _CHUNK)
                    left = inflater.unconsumed_tail
                    total += len(part)
                    yield part
        except zlib.error as error:
            raise self._damaged(f"{member.name!r:.100} cannot be inflated: {error}") from None
        if unused := len(inflater.unused_data) + member.stored - done:
            raise self._damaged(f"{member.name!r:.100} has {unused:,} bytes after its compressed ones")
        if not inflater.eof or total != member.size:
            raise self._damaged(
                f"{member.name!r:.100} should have {member.size:,} decompressed bytes, but has {total:,}"
            )

    def _inflate(self, member: Member, limit: int) -> bytes:
        """Decompress a member with limits that do not rely on the size in the directory."""
        parts: list[bytes] = []
        total = 0
        for part in chain((b"",), self.inflated(member.name)):
            if self._inflated > _MOST_INFLATED:
                raise NotRead(
                    f"cannot read {self.source.name}",
                    cause=f"its compressed members have more than {_MOST_INFLATED:,} bytes in all",
                )
            parts.append(part)
            total += len(part)
            self._inflated += len(part)
            if total > limit:
                raise self._too_large(member.name, limit)
        data = b"".join(parts)
        if zlib.crc32(data) != member.checksum:
            self._note(self._miscounted, member.name)
        return data

    def _note(self, names: list[str], name: str) -> None:
        if name not in names[-1:]:
            names.append(name)

    def _encrypted(self, name: str) -> CheckpointError:
        return NotRead(f"{self.source.name} is encrypted", cause=f"its member {name!r:.100} is")

    def _too_large(self, name: str, limit: int) -> CheckpointError:
        return NotRead(
            f"cannot read {self.source.name}",
            cause=f"its member {name!r:.100} has more than {limit:,} bytes, the limit",
        )

    def _unknown(self, member: Member) -> CheckpointError:
        return NotRead(
            f"cannot read {self.source.name}",
            cause=f"{member.name!r:.100} is compressed by the unknown method {member.method}",
        )

    def _damaged(self, cause: str) -> CheckpointError:
        return damaged(self.source, cause)


def _checksum(member: SubSource) -> int:
    total = 0
    for at in range(0, member.size, _CHUNK):
        total = zlib.crc32(member.read(at, min(_CHUNK, member.size - at)), total)
    return total
