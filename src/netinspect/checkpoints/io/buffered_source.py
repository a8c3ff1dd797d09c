"""A piece of a source, read ahead, for readers that go through many small fields."""

from __future__ import annotations

from netinspect.checkpoints.io.source import ByteSource

_LOCAL = (16 << 10, 256 << 10)
_REMOTE = (64 << 10, 16 << 20)
"""Bytes of the first piece and of the largest."""

_NEAR = 4096


class BufferedSource:
    """The bytes of a source from `base` on, as far as they were read.

    Readers look into `buffer` themselves, since a call for each field would take longer than the field.
    """

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.buffer = b""
        self.base = 0
        self._first, self._most = _REMOTE if source.remote else _LOCAL
        self._step = self._first

    def load(self, position: int, least: int) -> int:
        """Have at least so many bytes from a position on; return where that is in `buffer`.

        Raises:
            CheckpointError: The source ends before.
            LoadError: It cannot be read.
        """
        offset = position - self.base
        if offset >= 0 and offset + least <= len(self.buffer):
            return offset
        # Who reads on needs much, and who leapt over something may leap again.
        reads_on = 0 <= offset <= len(self.buffer) + _NEAR
        self._step = min(4 * self._step, self._most) if reads_on else self._first
        ahead = max(0, min(self._step, self.source.size - position))
        self.buffer = self.source.read(position, max(least, ahead))
        self.base = position
        return 0
