"""Zip archives, read so that no two readers can see two files in one.

torch takes the first of two members of one name, Python's `zipfile` the last; one reads sizes in the
directory, another in front of the member. Where they would not agree, it is an error here, or at least
a warning. Nothing is ever extracted: names such as `../x` are only names.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from netinspect.checkpoints.source import Source
from netinspect.checkpoints.window import Loose, Window
from netinspect.errors import CheckpointError

LARGEST_INFLATED = 64 << 20
"""Bytes that a compressed member may come to."""

_TAIL = 22 + 20 + 56 + 0xFFFF
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_ELSEWHERE = 0xFFFFFFFF
_ENCRYPTED = 1
_SIZES_FOLLOW = 8
_STORED, _DEFLATED = 0, 8
_MOST_MEMBERS = 300_000
_NAMED = 3
_CHECKED = 16 << 20
_CHUNK = 1 << 20
_START_MORE = 4096


class Member(NamedTuple):
    """One member, as the directory at the end of the archive tells it."""

    name: str
    size: int
    """Bytes that it comes to."""

    stored: int
    """Bytes that it takes in the archive."""

    method: int
    checksum: int
    header: int
    """Byte at which its local header stands."""

    raw_name: bytes
    flags: int

    @property
    def compressed(self) -> bool:
        """Whether its bytes stand otherwise than they are."""
        return self.method != _STORED


class Archive:
    """The members of a zip archive."""

    def __init__(self, source: Source) -> None:
        """Read the directory.

        Raises:
            CheckpointError: It is damaged, ambiguous or encrypted.
            LoadError: It cannot be read.
        """
        self.source = source
        self._folded: dict[str, list[str]] | None = None
        self._misnamed: list[str] = []
        self._miscounted: list[str] = []
        count, start, length = _find_directory(source)
        self._directory = start
        self.members = _read_directory(source, count, start, length)
        """By their names, in the order of the directory."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found odd so far, in members that were located or read."""
        found = []
        if self._misnamed:
            found.append(
                f"{_some(self._misnamed)}: the name in front of the bytes is another one than in the "
                "archive's directory, which torch goes by"
            )
        if self._miscounted:
            found.append(
                f"{_some(self._miscounted)}: the checksum is wrong, and torch would load it nevertheless"
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
                f"{self.source.name} is ambiguous", cause=f"it has both {alike[0]!r} and {alike[1]!r}"
            )
        return alike[0] if alike else None

    def position(self, name: str) -> int | None:
        """Return the byte of the source at which a member's bytes stand.

        None where they are compressed; and where the source is remote, since each member's own header
        would have to be fetched.
        """
        member = self.members[name]
        if member.compressed or self.source.remote:
            return None
        return self._locate(member)

    def open(self, name: str, limit: int = LARGEST_INFLATED, *, check: bool = True) -> Window | Loose:
        """Return a member as a source; a stored one is not copied.

        Args:
            name: One of the members.
            limit: Bytes that it may come to when it is compressed.
            check: Whether to hold a small one against its checksum, which reads all of it.
        """
        member = self.members[name]
        if member.method == _STORED:
            window = Window(self.source, self._locate(member), member.size)
            # All of a large one is not read only to see what torch does not look at, nor fetched.
            check = check and member.size <= _CHECKED and not self.source.remote
            if check and _checksum(window) != member.checksum:
                self._note(self._miscounted, name)
            return window
        return Loose(self.source, self._inflate(member, limit))

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

        The checksum of the whole is not looked at.

        Args:
            name: One of the members.
            length: How many bytes, if it has so many.
        """
        member = self.members[name]
        at = self._locate(member)
        length = min(length, member.size)
        if member.method == _STORED:
            return self.source.read(at, length), at
        if member.method != _DEFLATED:
            raise self._unknown(member)
        # What cannot be made smaller is stored in blocks with a few bytes more.
        packed = self.source.read(at, min(member.stored, length + _START_MORE))
        try:
            raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length)
        except zlib.error as error:
            raise self._damaged(f"{name!r} cannot be inflated: {error}") from None
        if len(raw) < length:
            raise self._damaged(f"{name!r} ends after {len(raw):,} bytes")
        return raw, None

    def _locate(self, member: Member) -> int:
        """Hold a member's own header against the directory; return where its bytes begin."""
        start: int
        head = self.source.read(member.header, _LOCAL.size + len(member.raw_name))
        signature, _, flags, method, _, _, _, stored, size, name_length, extra_length = (
            _LOCAL.unpack_from(head)
        )
        if signature != b"PK\x03\x04":
            raise self._damaged(f"no member stands where {member.name!r} should, at {member.header:,}")
        start = member.header + _LOCAL.size + name_length + extra_length
        if start + member.stored > self._directory:
            raise self._damaged(f"{member.name!r} reaches into the directory behind the members")
        if name_length != len(member.raw_name) or head[_LOCAL.size :] != member.raw_name:
            self._note(self._misnamed, member.name)
        if _ELSEWHERE in (stored, size):
            at = member.header + _LOCAL.size + name_length
            size, stored, _ = _wide(self.source.read(at, extra_length), size, stored, 0)
        follow = flags & _SIZES_FOLLOW and not stored and not size
        if not follow and (stored, size) != (member.stored, member.size):
            raise self._damaged(
                f"{member.name!r} has {member.size:,} bytes by the directory, {size:,} by its own header"
            )
        if method != member.method or (flags ^ member.flags) & _ENCRYPTED:
            raise self._damaged(f"{member.name!r} is stored otherwise than the directory says")
        return start

    def inflated(self, name: str) -> Iterator[bytes]:
        """Inflate a compressed member piece by piece, whatever it comes to.

        Its checksum is not looked at.

        Raises:
            CheckpointError: It is damaged, or does not come to what the directory says.
            LoadError: It cannot be read.
        """
        member = self.members[name]
        start = self._locate(member)
        if member.method != _DEFLATED:
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
            raise self._damaged(f"{member.name!r} cannot be inflated: {error}") from None
        if not inflater.eof or total != member.size:
            raise self._damaged(
                f"{member.name!r} should come to {member.size:,} bytes, and comes to {total:,}"
            )

    def _inflate(self, member: Member, limit: int) -> bytes:
        """Inflate a member whose stated size is not believed."""
        parts: list[bytes] = []
        total = 0
        for part in self.inflated(member.name):
            parts.append(part)
            total += len(part)
            if total > limit:
                raise self._too_large(member.name, limit)
        data = b"".join(parts)
        if zlib.crc32(data) != member.checksum:
            self._note(self._miscounted, member.name)
        return data

    def _note(self, names: list[str], name: str) -> None:
        if name not in names[-1:]:
            names.append(name)

    def _too_large(self, name: str, limit: int) -> CheckpointError:
        return CheckpointError(
            f"cannot read {self.source.name}",
            cause=f"its member {name!r} comes to more than {limit:,} bytes, the most that is read",
        )

    def _unknown(self, member: Member) -> CheckpointError:
        return CheckpointError(
            f"cannot read {self.source.name}",
            cause=f"{member.name!r} is compressed by the unknown method {member.method}",
        )

    def _damaged(self, cause: str) -> CheckpointError:
        return damaged(self.source, cause)


def damaged(source: Source, cause: str) -> CheckpointError:
    """Make the error of an archive that breaks a rule."""
    return CheckpointError(f"{source.name} is a damaged archive", cause=cause)


def _find_directory(source: Source) -> tuple[int, int, int]:
    """Return how many members the directory has, where it starts, and how many bytes it has."""
    length = min(_TAIL, source.size)
    first = source.size - length
    tail = source.read(first, length)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > length:
        raise CheckpointError(
            f"{source.name} is not whole",
            cause="it begins like a zip archive, and the directory at its end is not there",
            hint="it was cut short, or is still being written: fetch it again",
        )
    _, disk, first_disk, here, count, size, start, _ = _END.unpack_from(tail, at)
    end = first + at
    locator = at - _LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        end = _LOCATOR.unpack_from(tail, locator)[2]
        if end + _END64.size > first + locator:
            raise damaged(source, "the place of its directory is beyond its end")
        record = _END64.unpack(source.read(end, _END64.size))
        if record[0] != b"PK\x06\x06":
            raise damaged(source, "the place of its directory is a wrong one")
        disk, first_disk, here, count, size, start = record[4:]
    if disk or first_disk or here != count:
        raise damaged(source, "it is one part of several")
    # Some readers take the stated start, others reckon back from the end.
    if start + size != end:
        raise damaged(source, f"its directory should end at byte {start + size:,}, and ends at {end:,}")
    if count > _MOST_MEMBERS or size > _MOST_MEMBERS * 256:
        raise CheckpointError(
            f"cannot read {source.name}",
            cause=f"it has {count:,} members in {size:,} bytes; {_MOST_MEMBERS:,} is the most",
        )
    return count, start, size


def _read_directory(source: Source, count: int, start: int, length: int) -> dict[str, Member]:
    data = source.read(start, length)
    members: dict[str, Member] = {}
    at = 0
    while at + _ENTRY.size <= length:
        fields = _ENTRY.unpack_from(data, at)
        signature, flags, method, checksum, stored, size = fields[0], *fields[3:5], *fields[7:10]
        name_length, extra_length, comment_length, header = *fields[10:13], fields[16]
        name_end = at + _ENTRY.size + name_length
        extra_end = name_end + extra_length
        if signature != b"PK\x01\x02" or extra_end + comment_length > length:
            raise damaged(source, f"entry {len(members):,} of its directory is damaged")
        raw_name = data[at + _ENTRY.size : name_end]
        if _ELSEWHERE in (stored, size, header):
            size, stored, header = _wide(data[name_end:extra_end], size, stored, header)
        at = extra_end + comment_length
        name = _decode(raw_name)
        if name in members:
            raise CheckpointError(
                f"{source.name} is ambiguous",
                cause=f"two members are called {name!r}: torch would read the first, others the last",
            )
        if "\0" in name:
            raise damaged(source, f"the name {name!r} has a zero in it")
        if flags & _ENCRYPTED:
            raise CheckpointError(f"{source.name} is encrypted", cause=f"its member {name!r} is")
        if method == _STORED and stored != size:
            raise damaged(source, f"{name!r} has {size:,} bytes, of which {stored:,} are stored")
        if header + _LOCAL.size + stored > start:
            raise damaged(
                source, f"{name!r} should take {stored:,} bytes from {header:,} on, beyond its end"
            )
        members[name] = Member(name, size, stored, method, checksum, header, raw_name, flags)
    if len(members) != count or at != length:
        raise damaged(source, f"its directory should name {count:,} members, and names {len(members):,}")
    _refuse_overlaps(source, members)
    return members


def _refuse_overlaps(source: Source, members: dict[str, Member]) -> None:
    """No byte may belong to two members: a small archive would come to any size."""
    end, before = 0, ""
    for member in sorted(members.values(), key=lambda each: each.header):
        if member.header < end:
            raise damaged(source, f"{before!r} and {member.name!r} share bytes")
        end, before = member.header + _LOCAL.size + len(member.raw_name) + member.stored, member.name


def _wide(extra: bytes, size: int, stored: int, header: int) -> tuple[int, int, int]:
    """Take from an extra field the numbers that had no room in their own places."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        at += 4
        if kind == 1:
            field = extra[at : at + length]
            numbers = list(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            wanted = [size, stored, header]
            for index, number in enumerate(wanted):
                if number == _ELSEWHERE and numbers:
                    wanted[index] = numbers.pop(0)
            return wanted[0], wanted[1], wanted[2]
        at += length
    return size, stored, header


def _decode(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def _checksum(window: Window) -> int:
    total = 0
    for at in range(0, window.size, _CHUNK):
        total = zlib.crc32(window.read(at, min(_CHUNK, window.size - at)), total)
    return total


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
