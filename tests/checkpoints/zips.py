"""Builders of zip archives in which every field can be wrong."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def members_of(file: Path) -> dict[str, bytes]:
    """Return the members of an archive, read by `zipfile`."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(file: Path, members: Mapping[str, bytes], *, compressed: Iterable[str] = ()) -> None:
    """Write an archive with `zipfile`."""
    inflated = set(compressed)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            method = zipfile.ZIP_DEFLATED if name in inflated else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), data, method)


@dataclass
class Part:
    """One member; fields that are None get the right value."""

    name: str
    data: bytes
    local_name: str | None = None
    flags: int = 0
    local_flags: int | None = None
    method: int = 0
    local_method: int | None = None
    checksum: int | None = None
    size: int | None = None
    stored: int | None = None
    local_size: int | None = None
    header: int | None = None
    extra: bytes = b""
    comment: bytes = b""


@dataclass
class Directory:
    """The central directory; fields that are None get the right value."""

    count: int | None = None
    size: int | None = None
    start: int | None = None
    comment: bytes = b""
    before: bytes = field(default=b"")
    disk: int = 0


def build(parts: Iterable[Part], directory: Directory | None = None) -> bytes:
    """Return the bytes of an archive."""
    described = directory or Directory()
    body, entries, count = bytearray(), bytearray(), 0
    for part in parts:
        header = len(body) if part.header is None else part.header
        data = part.data
        raw = part.name.encode("utf-8", "surrogateescape")
        local = raw if part.local_name is None else part.local_name.encode()
        checksum = zlib.crc32(data) if part.checksum is None else part.checksum
        stored = len(data) if part.stored is None else part.stored
        size = stored if part.size is None else part.size
        local_size = size if part.local_size is None else part.local_size
        local_flags = part.flags if part.local_flags is None else part.local_flags
        local_method = part.method if part.local_method is None else part.local_method
        if part.header is None:
            body += struct.pack(
                "<4s5H3I2H",
                *(b"PK\x03\x04", 20, local_flags, local_method, 0, 0, checksum),
                *(stored if part.local_size is None else local_size, local_size, len(local), 0),
            )
            body += local + data
        entries += struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\x01\x02", 20, 20, part.flags, part.method, 0, 0, checksum, stored, size),
            *(len(raw), len(part.extra), len(part.comment), 0, 0, 0, header),
        )
        entries += raw + part.extra + part.comment
        count += 1
    count = count if described.count is None else described.count
    start = len(body) if described.start is None else described.start
    size = len(entries) if described.size is None else described.size
    end = struct.pack(
        "<4s4H2IH",
        *(b"PK\x05\x06", described.disk, 0, count, count, size, start, len(described.comment)),
    )
    return bytes(body + entries) + described.before + end + described.comment
