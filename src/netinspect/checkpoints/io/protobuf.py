"""Protobuf wire format: numbered fields, read without a schema and without copies of the data."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.checkpoints.io.buffered_source import BufferedSource
from netinspect.checkpoints.io.short_text import LONGEST_TEXT, decode_start
from netinspect.checkpoints.io.source import ByteSource

NUMBER, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Kinds of fields that are read; the deprecated groups are refused."""

Field = tuple[int, int, int, int]
"""Number, kind, start and end in the source; for `NUMBER` the value in place of the start."""

_LONGEST_HEAD = 20
"""Bytes of a tag and the length or number after it."""

_PIECE = 64 << 10
_MORE_FOLLOWS = bytes(range(0x80, 0x100))
"""Bytes of a varint that are not its last."""

_MOST_WORK = 2_000_000
_MESSAGE = 2
"""Cost of a message, added to that of its fields."""


class WireError(Exception):
    """Bytes are not a valid message.

    Args:
        message: Description of the error.
        cut: Number of the field that extends beyond its message, as in a truncated file; None for other
            errors.
    """

    def __init__(self, message: str, *, cut: int | None = None) -> None:
        super().__init__(message)
        self.cut = cut


class Wire:
    """Messages of a source; the content of fields is skipped without being read."""

    def __init__(self, source: ByteSource, most: int = _MOST_WORK) -> None:
        """Create a reader of a source.

        Args:
            source: The source.
            most: Largest total number of fields to read; a message counts as two more.
        """
        self._ahead = BufferedSource(source)
        self._left = most

    def fields(self, begin: int, end: int) -> Iterator[Field]:
        """Iterate over the fields of the message in a range.

        Raises:
            WireError: The bytes are not a message, or there are too many fields.
            LoadError: The source cannot be read.
        """
        ahead = self._ahead
        position = begin
        self._left -= _MESSAGE
        buffer, base, safe = b"", 0, -1
        while position < end:
            if position >= safe:
                ahead.load(position, min(_LONGEST_HEAD, end - position))
                buffer, base = ahead.buffer, ahead.base
                read = base + len(buffer)
                safe = end if read >= end else read - _LONGEST_HEAD
            at = position - base
            self._left -= 1
            if self._left < 0:
                raise WireError("it has too many fields and messages")
            tag = buffer[at]
            at += 1
            try:
                if tag > 0x7F:
                    tag, at = _varint(buffer, at - 1)
                kind = tag & 7
                if kind == BYTES:
                    value = buffer[at]
                    at += 1
                    if value > 0x7F:
                        value, at = _varint(buffer, at - 1)
                    first = base + at
                    position = first + value
                elif kind == NUMBER:
                    first = buffer[at]
                    at += 1
                    if first > 0x7F:
                        first, at = _varint(buffer, at - 1)
                    position = base + at
                elif kind in (FOUR_BYTES, EIGHT_BYTES):
                    first = base + at
                    position = first + (4 if kind == FOUR_BYTES else 8)
                else:
                    raise WireError(f"byte {position:,} starts no field")
            except IndexError:
                raise WireError(f"byte {position:,} starts a field that is cut", cut=tag >> 3) from None
            if tag < 8:
                raise WireError(f"byte {base + at:,} ends a field without a number")
            if position > end:
                raise WireError(
                    f"a field goes on to byte {position:,}, and what it belongs to ends at {end:,}",
                    cut=tag >> 3,
                )
            yield tag >> 3, kind, first, position

    def read(self, begin: int, end: int, longest: int) -> bytes:
        """Return the bytes of a range, at most `longest`."""
        length = min(end - begin, longest)
        at = self._ahead.load(begin, length)
        return self._ahead.buffer[at : at + length]

    def text(self, begin: int, end: int, longest: int = LONGEST_TEXT) -> str:
        """Return the text of a range, shortened to `longest` bytes."""
        return decode_start(self.read(begin, end, longest), end - begin)

    def count_numbers(self, begin: int, end: int) -> int:
        """Count the packed numbers in a range of any length."""
        count = 0
        for start in range(begin, end, _PIECE):
            raw = self.read(start, end, _PIECE)
            count += len(raw.translate(None, _MORE_FOLLOWS))
        return count

    def packed_numbers(self, begin: int, end: int, most: int) -> list[int]:
        """Return the packed numbers in a range.

        Raises:
            WireError: There are more than `most`, or the last one is truncated.
        """
        numbers: list[int] = []
        raw = self.read(begin, end, 10 * most + 1)
        at = 0
        try:
            while at < len(raw):
                number, at = _varint(raw, at)
                numbers.append(number)
        except IndexError:
            raise WireError(f"a number is cut before byte {end:,}") from None
        if len(numbers) > most:
            raise WireError(f"there are more than {most} numbers at byte {begin:,}")
        return numbers


def signed(number: int) -> int:
    """Convert an unsigned number to protobuf's `int64`."""
    return number - 2**64 if number >= 2**63 else number


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Return a varint, and the index after it."""
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise WireError("a number has more than ten bytes")
