"""Tar archives (V7, ustar, GNU and pax), read as Python's `tarfile` reads them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import SubSource
from netinspect.errors import CheckpointError

BLOCK = 512
_MAGIC = slice(257, 262)
_CHECKSUM = slice(148, 156)
_SPARSE_CONTINUES = 482
_LONGEST_NAME = 64 << 10
_MOST_ENTRIES = 300_000
_MOST_DIGITS = 20
_RECORD = re.compile(rb"(\d{1,9}) ([^=]+)=", re.DOTALL)

Kind = Literal["file", "folder", "link", "device", "sparse"]
_KINDS: dict[bytes, Kind] = {
    b"1": "link",
    b"2": "link",
    b"3": "device",
    b"4": "device",
    b"5": "folder",
    b"6": "device",
    b"S": "sparse",
}
_WITHOUT_DATA = ("link", "device", "folder")


class TarEntry(NamedTuple):
    """One entry of an archive."""

    name: str
    kind: Kind
    start: int
    """Offset of its data."""

    size: int
    target: str
    """Target of a link."""


class TarArchive:
    """Entries of a tar archive, up to the one where `tarfile` stops."""

    def __init__(self, source: ByteSource) -> None:
        """Read all headers.

        Raises:
            CheckpointError: The archive is damaged.
            LoadError: The source cannot be read.
        """
        self.source = source
        self.entries: list[TarEntry] = []
        self.end = 0
        """Offset after the last entry; the bytes after it are not part of the archive."""

        self.extras: list[tuple[int, int]] = []
        """Offsets and sizes of headers that describe the next entry."""

        self._long: dict[str, str] = {}
        self._common: dict[str, str] = {}
        while len(self.entries) + len(self.extras) < _MOST_ENTRIES and self._next():
            pass

    def open(self, entry: TarEntry) -> SubSource:
        """Return the data of an entry as a source."""
        return SubSource(self.source, entry.start, entry.size)

    def _next(self) -> bool:
        source, at = self.source, self.end
        if at + BLOCK > source.size:
            return False
        head = source.read(at, BLOCK)
        if not is_header(head):
            return False
        start, flag = at + BLOCK, head[156:157]
        name, size = _text(head[:100]), self._number(head[124:136])
        if head[_MAGIC] == b"ustar" and head[263:265] == b"00" and head[345] and flag not in b"LKxgX":
            name = f"{_text(head[345:500])}/{name}"
        if flag in (b"L", b"K", b"x", b"g", b"X"):
            self._describe(flag, start, size)
            return True
        kind = _KINDS.get(flag, "file")
        if flag in (b"0", b"\0", b"") and name.endswith("/"):  # folders in V7 archives
            kind = "folder"
        properties = {**self._common, **self._long}
        name = properties.get("path", name)
        target = properties.get("linkpath", _text(head[157:257]))
        if "size" in properties:
            if not properties["size"].isdecimal() or len(properties["size"]) > _MOST_DIGITS:
                raise self._damaged(f"the size of {name!r:.100} is not a number of bytes")
            size = int(properties["size"])
        if any(key.startswith("GNU.sparse") for key in properties):
            kind, name = "sparse", properties.get("GNU.sparse.name", name)
        if flag == b"S":
            continues = head[_SPARSE_CONTINUES]
            while continues:
                self._check(name, start, BLOCK)
                continues = source.read(start, BLOCK)[504]
                start += BLOCK
        self._long = {}
        if kind in _WITHOUT_DATA:
            if size and kind != "folder":
                raise self._damaged(f"{name!r:.100} is a {kind}, and should have {size:,} bytes")
            self.entries.append(TarEntry(name, kind, start, 0, target))
            self.end = start
            return True
        self._check(name, start, size)
        self.entries.append(TarEntry(name.removeprefix("./"), kind, start, size, target))
        self.end = min(start + -(-size // BLOCK) * BLOCK, source.size)
        return True

    def _describe(self, flag: bytes, start: int, size: int) -> None:
        """Read a header with a long name or a list of properties of the next entry."""
        self._check("a header", start, size)
        self.extras.append((start, size))
        self.end = min(start + -(-size // BLOCK) * BLOCK, self.source.size)
        raw = self.source.read(start, min(size, _LONGEST_NAME))
        if flag in (b"L", b"K"):
            self._long["path" if flag == b"L" else "linkpath"] = _text(raw)
            return
        found = self._common if flag == b"g" else self._long
        at = 0
        while match := _RECORD.match(raw, at):
            end = at + int(match[1])
            found[match[2].decode("utf-8", "replace")] = _text(raw[match.end() : end - 1])
            if end <= match.end():
                raise self._damaged("a list of properties is damaged")
            at = end

    def _number(self, field: bytes) -> int:
        if field[0] == 0x80:
            return int.from_bytes(field[1:], "big")
        try:
            return int(field.partition(b"\0")[0].strip() or b"0", 8)
        except ValueError:
            raise self._damaged(f"a size is {field!r}, which is not a number") from None

    def _check(self, name: str, start: int, size: int) -> None:
        left = self.source.size - start
        if size < 0 or size > left:
            raise self._damaged(f"{name!r:.100} should have {size:,} bytes, {left:,} are left")

    def _damaged(self, cause: str) -> CheckpointError:
        return CheckpointError(f"{self.source.name} is a damaged tar archive", cause=cause)


def is_header(head: bytes) -> bool:
    """Return whether a block is the header of an entry, by its checksum."""
    if len(head) < BLOCK or not head[0]:
        return False
    field = head[_CHECKSUM].strip(b"\0 ")
    if not field or len(field) > 7 or field.strip(b"01234567"):
        return False
    expected = int(field, 8)
    blank = head[:148] + b" " * 8 + head[156:]
    return expected in (sum(blank), sum(each - 256 * (each > 127) for each in blank))


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")
