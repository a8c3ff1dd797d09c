"""Zip archives, read so that no two readers can see two files in one.

torch takes the first of two members of one name, Python's `zipfile` the last; one reads sizes in the
directory, another in front of the member. Where they would not agree, it is an error here, or at least
a warning. Nothing is ever extracted: names such as `../x` are only names.
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
"""Bytes that a compressed member may come to."""

_MOST_INFLATED = 2 * LARGEST_INFLATED
"""Bytes that all that are opened of one archive may come to."""

_SIZES_FOLLOW = 8
_CHECKED = 16 << 20
_CHUNK = 1 << 20
_START_MORE = 4096
_END_RECORD = b"PK\x05\x06"
_END_SIZE = 22
_END64_AND_LOCATOR = 56 + 20


class NotRead(CheckpointError):
    """A member is encrypted, larger than what is read, or compressed by a method that is not known."""


class Archive:
    """The members of a zip archive."""

    def __init__(self, source: ByteSource, *, encrypted: bool = False) -> None:
        """Read the directory.

        Args:
            source: The file.
            encrypted: Accept members that need a password; they cannot be opened.

        Raises:
            CheckpointError: It is damaged, ambiguous or encrypted.
            LoadError: It cannot be read.
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
        """By their names, in the order of the directory."""

        locked = next((each.name for each in self.members.values() if each.encrypted), None)
        if locked is not None and not encrypted:
            raise self._encrypted(locked)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found odd so far, in members that were located or read."""
        found = []
        if self._misnamed:
            found.append(
                f"{some(self._misnamed)}: the name in front of the bytes is another one than in the "
                "archive's directory, which torch goes by"
            )
        if self._miscounted:
            found.append(
                f"{some(self._miscounted)}: the checksum is wrong, and torch would load it nevertheless"
            )
        return tuple(found)

    def find(self, name: str) -> str | None:
        """Return the member that torch would take for a name: it overlooks the case of letters.

        Raises:
            CheckpointError: There are several.
        """
        if self._folded is None:
            self._folded = {}
            for each in self.members:
                self._folded.setdefault(each.lower(), []).append(each)
        alike = self._folded.get(name.lower(), [])
        if len(alike) > 1:
            raise CheckpointError(
                f"{self.source.name} is ambiguous",
                cause=f"it has both {alike[0]!r:.100} and {alike[1]!r:.100}",
            )
        return alike[0] if alike else None

    def position(self, name: str) -> int | None:
        """Return the byte of the source at which a member's bytes stand.

        None if they are compressed; and where the source is remote, since each member's own header
        would have to be fetched.
        """
        member = self.members[name]
        if member.compressed or self.source.remote:
            return None
        return self._locate(member)

    def open(
        self, name: str, limit: int = LARGEST_INFLATED, *, check: bool = True
    ) -> SubSource | MemorySource:
        """Return a member as a source; a stored one is not copied.

        Args:
            name: One of the members.
            limit: Bytes that it may come to when it is compressed.
            check: Whether to checks a small one against its checksum, which reads all of it.
        """
        member = self.members[name]
        if member.encrypted:
            raise self._encrypted(name)
        if member.method == STORED:
            window = SubSource(self.source, self._locate(member), member.size)
            # All of a large one is not read only to see what torch does not look at, nor fetched.
            check = check and member.size <= _CHECKED and not self.source.remote
            if check and _checksum(window) != member.checksum:
                self._note(self._miscounted, name)
            return window
        return MemorySource(self.source, self._inflate(member, limit))

    def read(self, name: str, limit: int = LARGEST_INFLATED) -> bytes:
        """Return a member's bytes.

        Args:
            name: One of the members.
            limit: Bytes that it may have.
        """
        if self.members[name].size > limit:
            raise self._too_large(name, limit)
        opened = self.open(name, limit)
        return opened.read(0, opened.size)

    def start(self, name: str, length: int) -> tuple[bytes, int | None]:
        """Return the first bytes of a member, however large it is; and where they stand, if stored.

        The checksum of the whole is not traced.

        Args:
            name: One of the members.
            length: How many bytes, if it has so many.
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
        # What cannot be made smaller is stored in blocks with a few bytes more.
        packed = self.source.read(at, min(member.stored, length + _START_MORE))
        try:
            raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length)
        except zlib.error as error:
            raise self._damaged(f"{name!r:.100} cannot be inflated: {error}") from None
        if len(raw) < length:
            raise self._damaged(f"{name!r:.100} ends after {len(raw):,} bytes")
        return raw, None

    def unused(self) -> Iterator[tuple[int, int]]:
        """Iterate over first bytes and sizes of what belongs to neither a member nor the directory.

        Raises:
            CheckpointError: A member's own header is damaged.
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
        """Return what the extra fields of a member hold next to what is usual, in both its headers."""
        member = self.members[name]
        start = member.header + LOCAL.size + len(member.raw_name)
        length = max(0, self._locate(member) - start)
        return odd_extra(member.extra) + odd_extra(self.source.read(start, length))

    def _descriptor(self, member: Member, at: int) -> int:
        """Return how many bytes repeat the sizes of a member after it."""
        raw = self.source.read(at, min(24, self._directory - at))
        marked = raw[:4] == b"PK\x07\x08"
        checksum = member.checksum.to_bytes(4, "little")
        if raw[4 * marked :][:4] != checksum:
            return 0
        wide = raw[4 * marked + 4 :][:8] == member.stored.to_bytes(8, "little")
        return 4 * marked + (20 if wide else 12)

    def _locate(self, member: Member) -> int:
        """Hold a member's own header against the directory; return where its bytes begin."""
        start: int
        head = self.source.read(member.header, LOCAL.size + len(member.raw_name))
        signature, _, flags, method, _, _, _, stored, size, name_length, extra_length = (
            LOCAL.unpack_from(head)
        )
        if signature != b"PK\x03\x04":
            raise self._damaged(
                f"no member stands where {member.name!r:.100} should, at {member.header:,}"
            )
        start = member.header + LOCAL.size + name_length + extra_length
        if start + member.stored > self._directory:
            raise self._damaged(f"{member.name!r:.100} reaches into the directory behind the members")
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
            raise self._damaged(f"{member.name!r:.100} is stored otherwise than the directory says")
        return start

    def inflated(self, name: str) -> Iterator[bytes]:
        """Inflate a compressed member piece by piece, whatever it comes to.

        Its checksum is not traced.

        Raises:
            CheckpointError: It is damaged, or does not come to what the directory states.
            LoadError: It cannot be read.
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
                f"{member.name!r:.100} should come to {member.size:,} bytes, and comes to {total:,}"
            )

    def _inflate(self, member: Member, limit: int) -> bytes:
        """Inflate a member whose stated size is not believed."""
        parts: list[bytes] = []
        total = 0
        for part in chain((b"",), self.inflated(member.name)):
            if self._inflated > _MOST_INFLATED:
                raise NotRead(
                    f"cannot read {self.source.name}",
                    cause=f"its compressed members come to more than {_MOST_INFLATED:,} bytes",
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
            cause=f"its member {name!r:.100} comes to more than {limit:,} bytes, the most that is read",
        )

    def _unknown(self, member: Member) -> CheckpointError:
        return NotRead(
            f"cannot read {self.source.name}",
            cause=f"{member.name!r:.100} is compressed by the unknown method {member.method}",
        )

    def _damaged(self, cause: str) -> CheckpointError:
        return damaged(self.source, cause)


def _checksum(window: SubSource) -> int:
    total = 0
    for at in range(0, window.size, _CHUNK):
        total = zlib.crc32(window.read(at, min(_CHUNK, window.size - at)), total)
    return total
