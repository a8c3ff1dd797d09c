"""Read-ahead buffer over a byte source, for readers of many small fields."""

from __future__ import annotations

from netinspect.checkpoints.io.source import ByteSource

_LOCAL = (16 << 10, 256 << 10)
_REMOTE = (64 << 10, 16 << 20)
"""Bytes of the first and of the largest read."""

_NEAR = 4096
"""Bytes that a sequential reader may skip."""


class BufferedSource:
    """Bytes of a source from offset `base` on.

    Readers access `buffer` directly, because a call for each field would take longer than the field.
    """

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.buffer = b""
        self.base = 0
        self._first, self._most = _REMOTE if source.remote else _LOCAL
        self._step = self._first

    def load(self, position: int, least: int) -> int:
        """Load at least `least` bytes from a position on; return the index of the position in `buffer`.

        Raises:
            CheckpointError: The source ends earlier.
            LoadError: The source cannot be read.
        """
        offset = position - self.base
        if offset >= 0 and offset + least <= len(self.buffer):
            return offset
        # A sequential reader gets larger reads; one that skipped ahead may skip again.
        is_sequential = 0 <= offset <= len(self.buffer) + _NEAR
        self._step = min(4 * self._step, self._most) if is_sequential else self._first
        ahead = max(0, min(self._step, self.source.size - position))
        self.buffer = self.source.read(position, max(least, ahead))
        self.base = position
        return 0
