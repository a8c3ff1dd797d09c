"""The bytes of a pickle, seen through a buffer that moves along: it may be larger than memory."""

from __future__ import annotations

from netinspect.checkpoints.io.source import Source
from netinspect.checkpoints.pickle.objects import Opaque
from netinspect.errors import CheckpointError

LARGEST_KEPT = 64 << 10
"""Bytes of a string that are kept; a longer one is opaque, and is not even read."""

WINDOW = 1 << 20
SMALL_WINDOW = 2 << 10
"""For a pickle that has a few hundred bytes, with something else behind it."""

_LONGEST_OPERAND = 9
_PADDING = b"\0" * _LONGEST_OPERAND


class PickleError(Exception):
    """The pickle is damaged, or does what no honest one does; the message tells where."""


class Unusual(PickleError):
    """It does what no pickler writes, and Python's loader may do nevertheless."""


class Cut(PickleError):
    """It ends before its last opcode, or within an operand."""


class Misframed(Unusual):
    """Its opcodes and its frames do not fit, and Python's loaders disagree about what follows."""


class Oversized(Misframed):
    """A frame is longer than the rest: one of Python's loaders refuses it, the other one reads on."""


class Straddled(Misframed):
    """The opcode before goes beyond the end of its frame."""


class TooLarge(PickleError):
    """Its objects take more memory than there is for them."""


class Stream:
    """A buffer over a source.

    `at` is a place in `data` everywhere here, and every method that moves on returns the new one: the
    buffer may have moved meanwhile. Behind the last byte stand zeros, which are no opcode, so that an
    operand need not be checked on its own: what is cut runs into the end.
    """

    def __init__(self, source: Source, start: int = 0, window: int = WINDOW) -> None:
        self._source = source
        self._window = window
        self.base = start
        """Position in the source of the first byte of `data`."""

        self.data = b""
        self.length = 0
        """Bytes in `data` that are the file's."""

        self.last = -1
        """The last place at which an opcode has its operand in `data`, or is missing at the end.

        It is not after the last byte of a frame, so that `follow` is asked there.
        """

        self._end = -1
        """The same where no frame ends before."""

        self._frame_end: int | None = None

        if start < self.size:
            self.fill(0)

    @property
    def size(self) -> int:
        """Bytes of the source."""
        return self._source.size

    def fill(self, at: int) -> int:
        """Move the buffer so that it begins at a place, and return the place as it is then.

        Raises:
            PickleError: Nothing stands there any more.
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
        """Return the place of the next opcode, which is after `last`.

        Raises:
            Cut: Nothing is there any more.
            Straddled: The opcode before goes beyond its frame, which ends with this.
        """
        end = self._frame_end
        if end is not None and self.base + at >= end:
            beyond = self.base + at - end
            self.end_frame()
            if beyond:
                raise Straddled(f"an opcode goes {beyond:,} bytes beyond the end of its frame")
        return at if at <= self.last else self.fill(at)

    def begin_frame(self, at: int, length: int) -> None:
        """Note that a frame of so many bytes begins at a place.

        Python's loaders disagree about an opcode that goes beyond the end of its frame: one refuses it,
        the other loses some bytes.

        Raises:
            Misframed: It is within another one, or longer than the rest.
        """
        left = self.size - self.base - at
        if self._frame_end not in (None, self.base + at):
            raise Misframed("a frame begins before the end of another one")
        if length > left:
            raise Oversized(f"{length:,} bytes should stand in a frame; {max(0, left):,} do")
        self._frame_end = self.base + at + length
        self._limit()

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun, and was not left yet."""
        return self._frame_end is not None

    def frame_left(self, at: int) -> int:
        """Return how many bytes of a frame come after a place."""
        return 0 if self._frame_end is None else self._frame_end - self.base - at

    def end_frame(self) -> None:
        """Forget the frame, for bytes that are not of its pickle."""
        self._frame_end = None
        self._limit()

    def _limit(self) -> None:
        is_last = self.base + self.length >= self.size
        self._end = self.length - 1 - (0 if is_last else _LONGEST_OPERAND)
        self.last = self._end
        if self._frame_end is not None:
            self.last = min(self.last, self._frame_end - self.base - 1)

    def take(self, at: int, length: int) -> tuple[bytes, int]:
        """Return so many bytes, at most `LARGEST_KEPT`, and the place behind them."""
        self.check(at, length)
        if at + length > self.length:
            if length > self._window:
                return self._source.read(self.base + at, length), self.skip(at, length)
            at = self.fill(at)
        return self.data[at : at + length], at + length

    def skip(self, at: int, length: int) -> int:
        """Return the place so many bytes on."""
        self.check(at, length)
        if at + length <= self._end:
            return at + length
        return self.move(self.base + at + length)

    def move(self, position: int) -> int:
        """Go to a byte of the source, and return the place of it."""
        at = position - self.base
        if 0 <= at <= self._end:
            return at
        self.base = position
        # What comes next is read when it is asked for; nothing need come.
        self.data, self.length, self.last, self._end = b"", 0, -1, -1
        return 0

    def check(self, at: int, length: int) -> None:
        """Make sure that so many bytes stand at a place."""
        left = self.size - self.base - at
        if length > left:
            position = self.base + at
            raise Cut(f"{length:,} bytes should stand at byte {position:,}; {max(0, left):,} do")

    def name_line(self, at: int) -> tuple[bytes | Opaque, int]:
        """Return a line of a name; where the file ends before it, all but the last byte, as loaders do.

        Raises:
            PickleError: Nothing is there any more.
        """
        position = self.base + at
        try:
            return self.line(at)
        except PickleError:
            left = self.size - position
            if not 0 < left <= LARGEST_KEPT:
                raise
        return self._source.read(position, left)[:-1], self.move(self.size)

    def line(self, at: int) -> tuple[bytes | Opaque, int]:
        """Return what stands before the end of the line, and the place behind it."""
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
        return Opaque("str", start, length, escaped=True), end + 1


def broken(source: Source, cause: str) -> CheckpointError:
    """Make the error of a file whose pickle cannot be read."""
    return CheckpointError(f"{source.name} holds a damaged pickle", cause=cause)
