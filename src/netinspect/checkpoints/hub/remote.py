"""Byte source of a remote file, of which only the needed parts are fetched."""

from __future__ import annotations

import threading
from collections.abc import Callable

from netinspect.checkpoints.io.source import ByteSource, SkippedError
from netinspect.records.checkpoint import StoredFile

MOST_FETCHED = 256 << 20
"""Limit for the bytes fetched for one checkpoint."""

_BLOCK = 64 << 10
_FIRST_AHEAD = 2
"""Blocks of the first request: nearly all headers of safetensors are shorter than 100 kB."""

_MOST_AHEAD = 64
_MOST_CACHED = 128
_LARGEST_CACHED = 4 << 20


class DownloadBudget:
    """Remaining bytes that may be fetched; thread-safe."""

    def __init__(self, name: str, most: int = MOST_FETCHED) -> None:
        self._name = name
        self._most = self._left = most
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Bytes taken so far."""
        return self._most - self._left

    def take(self, length: int) -> None:
        """Take bytes from the budget.

        Raises:
            SkippedError: Fewer bytes are left.
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
    """Source that fetches blocks, more at once for sequential reads, and caches the latest."""

    remote = True

    def __init__(self, name: str, path: str, size: int, fetch: Callable[[int, int], bytes]) -> None:
        """Create a source; nothing is fetched yet.

        Args:
            name: Name for messages.
            path: Address of the file.
            size: Size of the file in bytes.
            fetch: Function that returns the bytes from a start up to an end.
        """
        self.name = name
        self.path = path
        self.size = size
        self._fetch = fetch
        self._blocks: dict[int, bytes] = {}
        self._next = 0
        self._ahead = _FIRST_AHEAD

    def _read(self, position: int, length: int) -> bytes:
        if length > _LARGEST_CACHED:
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
        """Fetch blocks, and some of the following ones."""
        # A read at the end of the last request is probably sequential.
        self._ahead = min(2 * self._ahead, _MOST_AHEAD) if first == self._next > 0 else _FIRST_AHEAD
        stop = min(max(end, first + self._ahead), -(-self.size // _BLOCK))
        stop = next((number for number in range(end, stop) if number in self._blocks), stop)
        raw = self._fetch(first * _BLOCK, min(stop * _BLOCK, self.size))
        loaded = {number: raw[(number - first) * _BLOCK :][:_BLOCK] for number in range(first, stop)}
        self._next = stop
        self._blocks |= loaded
        while len(self._blocks) > _MOST_CACHED:
            del self._blocks[next(iter(self._blocks))]
        return loaded

    def stored_file(self) -> StoredFile:
        """Return the record of the file."""
        return StoredFile(name=self.name, path=self.path, bytes=self.size)
