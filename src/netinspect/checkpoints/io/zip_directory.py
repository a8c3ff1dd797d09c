"""Central directory of a zip archive; an ambiguous one is an error."""

from __future__ import annotations

import struct
from typing import NamedTuple

from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError

_TAIL = 22 + 20 + 56 + 0xFFFF
END = struct.Struct("<4s4H2IH")
LOCATOR = struct.Struct("<4sIQI")
END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
LOCAL = struct.Struct("<4s5H3I2H")
ELSEWHERE = 0xFFFFFFFF
ENCRYPTED = 1
STORED, DEFLATED = 0, 8
_MOST_MEMBERS = 300_000
_PLAIN_EXTRAS = (0x0001, 0x000A, 0x5455, 0x5855, 0x7855, 0x7875, 0xCAFE)
"""Zip64 sizes; times and owners of NTFS and Unix; the mark of Java."""

_LONGEST_PLAIN_EXTRA = 40


class Member(NamedTuple):
    """One member, as described in the central directory."""

    name: str
    size: int
    """Decompressed size in bytes."""

    stored: int
    """Size in the archive in bytes."""

    method: int
    checksum: int
    header: int
    """Offset of its local header."""

    raw_name: bytes
    flags: int
    extra: bytes = b""
    comment: bytes = b""

    @property
    def encrypted(self) -> bool:
        """True if a password is needed to read it."""
        return bool(self.flags & ENCRYPTED)

    @property
    def compressed(self) -> bool:
        """True if its bytes are compressed."""
        return self.method != STORED


def damaged(source: ByteSource, cause: str) -> CheckpointError:
    """Return the error for a damaged archive."""
    return CheckpointError(f"{source.name} is a damaged archive", cause=cause)


def find_directory(source: ByteSource) -> tuple[int, int, int]:
    """Return the number of members in the directory, its offset and its size."""
    length = min(_TAIL, source.size)
    first = source.size - length
    tail = source.read(first, length)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > length:
        raise CheckpointError(
            f"{source.name} is not whole",
            cause="it begins like a zip archive, but the directory at its end is missing",
            hint="it was cut short, or is still being written: fetch it again",
        )
    _, disk, first_disk, here, count, size, start, _ = END.unpack_from(tail, at)
    end = first + at
    locator = at - LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        end = LOCATOR.unpack_from(tail, locator)[2]
        if end + END64.size > first + locator:
            raise damaged(source, "the place of its directory is beyond its end")
        record = END64.unpack(source.read(end, END64.size))
        if record[0] != b"PK\x06\x06":
            raise damaged(source, "the place of its directory is a wrong one")
        disk, first_disk, here, count, size, start = record[4:]
    if disk or first_disk or here != count:
        raise damaged(source, "it is one part of several")
    # Some readers use the recorded start, others compute it from the end.
    if start + size != end:
        raise damaged(source, f"its directory should end at byte {start + size:,}, and ends at {end:,}")
    if count > _MOST_MEMBERS or size > _MOST_MEMBERS * 256:
        raise CheckpointError(
            f"cannot read {source.name}",
            cause=f"it has {count:,} members in {size:,} bytes; {_MOST_MEMBERS:,} is the most",
        )
    return count, start, size


def read_directory(source: ByteSource, count: int, start: int, length: int) -> dict[str, Member]:
    """Read the entries of a directory.

    Args:
        source: The archive.
        count: Expected number of entries.
        start: Offset of the directory.
        length: Size of the directory in bytes.

    Raises:
        CheckpointError: The directory is damaged or ambiguous.
    """
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
        if ELSEWHERE in (stored, size, header):
            size, stored, header = wide_numbers(data[name_end:extra_end], size, stored, header)
        extra = data[name_end:extra_end]
        comment = data[extra_end : extra_end + comment_length]
        at = extra_end + comment_length
        name = _decode(raw_name)
        if name in members:
            raise CheckpointError(
                f"{source.name} is ambiguous",
                cause=f"two members are called {name!r:.100}: torch would read the first, "
                "others the last",
            )
        if "\0" in name:
            raise damaged(source, f"the name {name!r:.100} has a zero in it")
        if method == STORED and stored != size:
            raise damaged(source, f"{name!r:.100} has {size:,} bytes, of which {stored:,} are stored")
        if header + LOCAL.size + stored > start:
            raise damaged(
                source, f"{name!r:.100} should take {stored:,} bytes from {header:,} on, beyond its end"
            )
        members[name] = Member(
            name, size, stored, method, checksum, header, raw_name, flags, extra, comment
        )
    if len(members) != count or at != length:
        raise damaged(source, f"its directory should name {count:,} members, and names {len(members):,}")
    _refuse_overlaps(source, members)
    return members


def _refuse_overlaps(source: ByteSource, members: dict[str, Member]) -> None:
    """Refuse members that share bytes: a small archive could decompress to any size."""
    end, before = 0, ""
    for member in sorted(members.values(), key=lambda each: each.header):
        if member.header < end:
            raise damaged(source, f"{before!r:.100} and {member.name!r:.100} share bytes")
        end, before = member.header + LOCAL.size + len(member.raw_name) + member.stored, member.name


def wide_numbers(extra: bytes, size: int, stored: int, header: int) -> tuple[int, int, int]:
    """Return the sizes and offset, taken from the Zip64 extra field if they exceed 32 bits."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        at += 4
        if kind == 1:
            field = extra[at : at + length]
            numbers = list(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            wanted = [size, stored, header]
            for index, number in enumerate(wanted):
                if number == ELSEWHERE and numbers:
                    wanted[index] = numbers.pop(0)
            return wanted[0], wanted[1], wanted[2]
        at += length
    return size, stored, header


def odd_extra(extra: bytes) -> bytes:
    """Return the content of extra fields other than sizes, times, owners and the padding of torch."""
    at, odd = 0, b""
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        value = extra[at + 4 : at + 4 + length]
        if kind not in _PLAIN_EXTRAS or length > _LONGEST_PLAIN_EXTRA:
            odd += value.strip(b"Z\0") and value
        at += 4 + length
    return odd + extra[at:].strip(b"Z\0")


def _decode(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def find_appended(source: ByteSource) -> tuple[int, int] | None:
    """Return the start and end of a zip archive at the end of a file of another format, or None.

    Python's `zipfile` and torch look for the directory at the end of a file, whatever it starts with.
    """
    length = min(_TAIL, source.size)
    first = source.size - length
    tail = source.read(first, length)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > length:
        return None
    _, _, _, _, _, size, start, comment = END.unpack_from(tail, at)
    end = first + at
    stop = min(end + END.size + comment, source.size)
    if tail[max(0, at - LOCATOR.size) :][:4] == b"PK\x06\x07":
        end -= LOCATOR.size + END64.size
        record = source.read(end, END64.size) if end >= 0 else b""
        if record[:4] == b"PK\x06\x06":
            size, start = END64.unpack(record)[-2:]
    if not size:
        return None
    begin = end - size - start
    if begin < 0 or source.read(end - size, min(4, size)) != b"PK\x01\x02":
        return (0, stop) if stop == source.size else None
    return begin, stop
