"""A file that is far away, of which only the needed parts are fetched."""

from __future__ import annotations

import threading
from collections.abc import Callable

from netinspect.checkpoints.io.source import ByteSource, SkippedError
from netinspect.records.checkpoint import StoredFile

MOST_FETCHED = 256 << 20
"""Bytes that may be fetched for one checkpoint."""

_BLOCK = 64 << 10
_FIRST_AHEAD = 2
"""Blocks of the first fetch: nearly all headers of safetensors are shorter than 100 kB."""

_MOST_AHEAD = 64
_MOST_KEPT = 128
_LARGEST_KEPT = 4 << 20


class DownloadBudget:
    """What may still be fetched; several threads take from it."""

    def __init__(self, name: str, most: int = MOST_FETCHED) -> None:
        self._name = name
        self._most = self._left = most
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Bytes so far."""
        return self._most - self._left

    def take(self, length: int) -> None:
        """Take so many bytes.

        Raises:
            SkippedError: There are not so many left.
        """
        with self._lock:
            if length > self._left:
                raise SkippedError(
                    f"the headers of {self._name} have more than {self._most >> 20} MiB",
                    cause=f"no more than {self._most >> 20} MiB are fetched",
                    hint="name one file of it, or fetch it whole and name the folder",
                )
            self._left -= length


class RemoteSource(ByteSource):
    """A `Source` that fetches blocks, more at once where it is read on and on, and keeps the latest."""

    remote = True

    def __init__(self, name: str, path: str, size: int, fetch: Callable[[int, int], bytes]) -> None:
        """Describe it; nothing is fetched yet.

        Args:
            name: What to call it.
            path: Its address.
            size: Its length in bytes.
            fetch: Given the first byte and the end, returns exactly the bytes between.
        """
        self.name = name
        self.path = path
        self.size = size
        self._fetch = fetch
        self._blocks: dict[int, bytes] = {}
        self._next = 0
        self._ahead = _FIRST_AHEAD

    def _read(self, position: int, length: int) -> bytes:
        if length > _LARGEST_KEPT:
            return self._fetch(position, position + length)
        first, last = position // _BLOCK, (position + length - 1) // _BLOCK
        blocks = {
            number: self._blocks[number] for number in range(first, last + 1) if number in self._blocks
        }
        if missing := [number for number in range(first, last + 1) if number not in blocks]:
            blocks |= self._load(missing[0], missing[-1] + 1)
        joined = b"".join(blocks[number] for number in range(first, last + 1))
        return joined[position - first * _BLOCK :][:length]

    def _load(self, first: int, end: int) -> dict[int, bytes]:
        """Fetch blocks, and some after them."""
        # Who reads on where the last fetch ended will read on further.
        self._ahead = min(2 * self._ahead, _MOST_AHEAD) if first == self._next > 0 else _FIRST_AHEAD
        stop = min(max(end, first + self._ahead), -(-self.size // _BLOCK))
        stop = next((number for number in range(end, stop) if number in self._blocks), stop)
        raw = self._fetch(first * _BLOCK, min(stop * _BLOCK, self.size))
        loaded = {number: raw[(number - first) * _BLOCK :][:_BLOCK] for number in range(first, stop)}
        self._next = stop
        self._blocks |= loaded
        while len(self._blocks) > _MOST_KEPT:
            del self._blocks[next(iter(self._blocks))]
        return loaded

    def stored_file(self) -> StoredFile:
        """Return its record."""
        return StoredFile(name=self.name, path=self.path, bytes=self.size)
