"""Buffered stream over a pickle, which may be larger than memory."""

from __future__ import annotations

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.objects import SkippedValue
from netinspect.errors import CheckpointError

LARGEST_KEPT = 64 << 10
"""Maximum size in bytes of a string that is read; longer strings are skipped."""

MOST_MEMORY = 160 << 20
"""Estimated bytes that the objects of a file may take; each opcode counts for some."""

WINDOW = 1 << 20
SMALL_WINDOW = 2 << 10
"""For a pickle of a few hundred bytes that is followed by other data."""

_LONGEST_OPERAND = 9
_PADDING = b"\0" * _LONGEST_OPERAND


class PickleError(Exception):
    """Error in a pickle that is damaged or does something that no pickler writes."""


class Unusual(PickleError):
    """Error in a pickle that no pickler writes, but that Python's loader may accept."""


class Cut(PickleError):
    """The pickle ends before its last opcode or within an operand."""


class Misframed(Unusual):
    """Opcodes and frames do not match, and Python's loaders disagree about the following bytes."""


class Oversized(Misframed):
    """A frame exceeds the data: one of Python's loaders rejects it, the other continues."""


class Straddled(Misframed):
    """The previous opcode crosses the end of its frame."""


class TooLarge(PickleError):
    """The objects exceed the memory limit."""


class Stream:
    """Buffer over a source.

    `at` is always an offset in `data`. Methods that advance return the new offset, because they may move
    the buffer. Zeros, which are not opcodes, follow the last byte, so that operands need no bounds
    check: a pickle that is cut short runs into the end.
    """

    def __init__(self, source: ByteSource, start: int = 0, window: int = WINDOW) -> None:
        self._source = source
        self._window = window
        self.base = start
        """Position of the first byte of `data` in the source."""

        self.data = b""
        self.length = 0
        """Number of bytes in `data` that are from the source."""

        self.last = -1
        """Last offset at which an opcode has its whole operand in `data`, or at which the data ends.

        It is before the end of the current frame, so that `follow` is called there.
        """

        self._end = -1
        """The same offset without regard to frames."""

        self._frame_end: int | None = None

        if start < self.size:
            self.fill(0)

    @property
    def size(self) -> int:
        """Size of the source in bytes."""
        return self._source.size

    def fill(self, at: int) -> int:
        """Move the buffer so that it starts at an offset, and return the new offset.

        Raises:
            PickleError: There is no more data.
        """
        left = self.size - self.base - at
        if left <= 0:
            raise Cut("it ends without its last opcode")
        self.base += at
        self.length = min(left, self._window)
        self.data = self._source.read(self.base, self.length)
        if self.length == left:
            self.data += _PADDING
        self._limit()
        return 0

    def follow(self, at: int) -> int:
        """Return the offset of the next opcode, which is after `last`.

        Raises:
            Cut: There is no more data.
            Straddled: The previous opcode crosses the end of its frame. The frame is ended.
        """
        end = self._frame_end
        if end is not None and self.base + at >= end:
            beyond = self.base + at - end
            self.end_frame()
            if beyond:
                raise Straddled(f"an opcode goes {beyond:,} bytes beyond the end of its frame")
        return at if at <= self.last else self.fill(at)

    def begin_frame(self, at: int, length: int) -> None:
        """Start a frame of `length` bytes at an offset.

        Python's loaders disagree about an opcode that crosses the end of its frame: one rejects it, the
        other loses some bytes.

        Raises:
            Misframed: The frame is within another one, or exceeds the data.
        """
        left = self.size - self.base - at
        if self._frame_end not in (None, self.base + at):
            raise Misframed("a frame begins before the end of another one")
        if length > left:
            raise Oversized(f"a frame has {length:,} bytes, but the file only {max(0, left):,} more")
        self._frame_end = self.base + at + length
        self._limit()

    @property
    def in_frame(self) -> bool:
        """Return whether the position is in a frame."""
        return self._frame_end is not None

    def frame_left(self, at: int) -> int:
        """Return the number of bytes of the frame after an offset."""
        return 0 if self._frame_end is None else self._frame_end - self.base - at

    def end_frame(self) -> None:
        """End the frame before bytes that are not part of the pickle."""
        self._frame_end = None
        self._limit()

    def _limit(self) -> None:
        is_last = self.base + self.length >= self.size
        self._end = self.length - 1 - (0 if is_last else _LONGEST_OPERAND)
        self.last = self._end
        if self._frame_end is not None:
            self.last = min(self.last, self._frame_end - self.base - 1)

    def take(self, at: int, length: int) -> tuple[bytes, int]:
        """Return `length` bytes, at most `LARGEST_KEPT`, and the offset after them."""
        self.check(at, length)
        if at + length > self.length:
            if length > self._window:
                return self._source.read(self.base + at, length), self.skip(at, length)
            at = self.fill(at)
        return self.data[at : at + length], at + length

    def skip(self, at: int, length: int) -> int:
        """Return the offset `length` bytes further."""
        self.check(at, length)
        if at + length <= self._end:
            return at + length
        return self.move(self.base + at + length)

    def move(self, position: int) -> int:
        """Move to a position in the source and return its offset."""
        at = position - self.base
        if 0 <= at <= self._end:
            return at
        self.base = position
        # The data is read on demand, and may not exist.
        self.data, self.length, self.last, self._end = b"", 0, -1, -1
        return 0

    def check(self, at: int, length: int) -> None:
        """Raise `Cut` if the source has fewer than `length` bytes from an offset on."""
        left = self.size - self.base - at
        if length > left:
            position = self.base + at
            raise Cut(
                f"expected {length:,} bytes at byte {position:,}, but the file has only {max(0, left):,}"
            )

    def name_line(self, at: int) -> tuple[bytes | SkippedValue, int]:
        """Return a line with a name.

        A last line without a line end is returned without its last byte, as loaders do.

        Raises:
            PickleError: There is no more data.
        """
        position = self.base + at
        try:
            return self.line(at)
        except PickleError:
            left = self.size - position
            if not 0 < left <= LARGEST_KEPT:
                raise
        return self._source.read(position, left)[:-1], self.move(self.size)

    def line(self, at: int) -> tuple[bytes | SkippedValue, int]:
        """Return the bytes up to the end of the line, and the offset after it."""
        start = self.base + at
        end = self.data.find(b"\n", at)
        if end < 0:
            at = self.fill(at)
            end = self.data.find(b"\n", at)
        if 0 <= end - at <= LARGEST_KEPT:
            return self.data[at:end], end + 1
        while end < 0:
            self.fill(self.length)
            end = self.data.find(b"\n")
        length = self.base + end - start
        if length <= LARGEST_KEPT:
            return self._source.read(start, length), end + 1
        return SkippedValue("str", start, length, escaped=True), end + 1


def broken(source: ByteSource, cause: str) -> CheckpointError:
    """Return the error for a file with a pickle that cannot be read."""
    return CheckpointError(f"{source.name} holds a damaged pickle", cause=cause)
