"""Minimal FlatBuffers reader that recognises tables without a schema."""

from __future__ import annotations

import struct

from netinspect.checkpoints.io.buffered_source import BufferedSource
from netinspect.checkpoints.io.source import ByteSource

_MOST_FIELDS = 64
_LONGEST_TEXT = 1 << 10


class LayoutError(Exception):
    """Error in the layout of a table."""


class Table:
    """FlatBuffers table."""

    def __init__(self, ahead: BufferedSource, at: int) -> None:
        """Read the field offsets of the table at a position.

        Raises:
            LayoutError: The position does not contain a table.
            LoadError: The source cannot be read.
        """
        self._ahead = ahead
        self._at = at
        start = at - _number(ahead, at, "i")
        length, size = _number(ahead, start, "H"), _number(ahead, start + 2, "H")
        count = (length - 4) // 2
        if length < 4 or length % 2 or size < 4 or count > _MOST_FIELDS:
            raise LayoutError
        self._offsets = [_number(ahead, start + 4 + 2 * each, "H") for each in range(count)]
        if any(each and not 4 <= each < size for each in self._offsets):
            raise LayoutError

    def number(self, field: int, kind: str) -> int | None:
        """Return a numeric field in a `struct` format, or None if the field is absent.

        Raises:
            LayoutError: The field is outside the table.
            LoadError: The source cannot be read.
        """
        offset = self._offset(field)
        return _number(self._ahead, self._at + offset, kind) if offset else None

    def text(self, field: int) -> str | None:
        """Return a text field, or None if the field is absent.

        Raises:
            LayoutError: The field is not a text.
            LoadError: The source cannot be read.
        """
        at = self._reference(field)
        return None if at is None else _text(self._ahead, at)

    def first_text(self, field: int) -> str | None:
        """Return the first text of a vector, or None if it is absent; see `text`."""
        at = self._first(field)
        return None if at is None else _text(self._ahead, at)

    def first_table(self, field: int) -> Table | None:
        """Return the first table of a vector, or None if it is absent; see `text`."""
        at = self._first(field)
        return None if at is None else Table(self._ahead, at)

    def _first(self, field: int) -> int | None:
        at = self._reference(field)
        if at is None:
            return None
        count = _number(self._ahead, at, "I")
        if not 0 < count <= self._ahead.source.size // 4:
            raise LayoutError
        return at + 4 + _number(self._ahead, at + 4, "I")

    def _reference(self, field: int) -> int | None:
        offset = self._offset(field)
        if not offset:
            return None
        return self._at + offset + _number(self._ahead, self._at + offset, "I")

    def _offset(self, field: int) -> int:
        return self._offsets[field] if field < len(self._offsets) else 0


def root(source: ByteSource, start: int = 0) -> Table:
    """Return the outermost table of a buffer that starts at a position.

    Raises:
        LayoutError: The buffer does not have a table.
        LoadError: The source cannot be read.
    """
    ahead = BufferedSource(source)
    return Table(ahead, start + _number(ahead, start, "I"))


def _number(ahead: BufferedSource, at: int, kind: str) -> int:
    size = struct.calcsize(kind)
    if not 0 <= at <= ahead.source.size - size:
        raise LayoutError
    offset = ahead.load(at, size)
    return int(struct.unpack_from(f"<{kind}", ahead.buffer, offset)[0])


def _text(ahead: BufferedSource, at: int) -> str:
    length = _number(ahead, at, "I")
    if length > _LONGEST_TEXT or at + 5 + length > ahead.source.size:
        raise LayoutError
    offset = ahead.load(at + 4, length + 1)
    raw = ahead.buffer[offset : offset + length + 1]
    try:
        text = raw[:-1].decode("utf-8")
    except UnicodeDecodeError:
        raise LayoutError from None
    if raw[-1:] != b"\0" or not (text.isprintable() or text == ""):
        raise LayoutError
    return text
