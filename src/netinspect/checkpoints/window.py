"""A piece of a source, read ahead, for readers that go through many small fields."""

from __future__ import annotations

from netinspect.checkpoints.source import Source

_LOCAL = 256 << 10
_REMOTE_FIRST = 1 << 20
_REMOTE_MOST = 16 << 20


class Window:
    """The bytes of a source from `base` on, as far as they were read.

    Readers look into `buffer` themselves, since a call for each field would take longer than the field.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.buffer = b""
        self.base = 0
        self._step = _REMOTE_FIRST if source.remote else _LOCAL

    def load(self, position: int, least: int) -> int:
        """Have at least so many bytes from a position on; return where that is in `buffer`.

        Raises:
            CheckpointError: The source ends before.
            LoadError: It cannot be read.
        """
        offset = position - self.base
        if offset >= 0 and offset + least <= len(self.buffer):
            return offset
        ahead = max(0, min(self._step, self.source.size - position))
        self.buffer = self.source.read(position, max(least, ahead))
        self.base = position
        if self.source.remote:
            # Who needs a second piece needs many: each journey brings more than the last.
            self._step = min(2 * self._step, _REMOTE_MOST)
        return 0
