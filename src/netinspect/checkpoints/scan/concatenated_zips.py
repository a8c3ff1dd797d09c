"""Search for zip archives concatenated in one file, as torch.distributed.checkpoint writes them."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.zip_directory import END, END64, LOCATOR

_PIECE = 1 << 20
_MARK = b"PK\x05\x06"
_MOST_ARCHIVES = 100_000
_MOST_MARKS = 1_000_000


def find_concatenated(source: ByteSource) -> list[tuple[int, int]]:
    """Find concatenated archives that fill a source from its first to its last byte.

    Returns:
        The start and end of each; empty if the source is anything else.

    Raises:
        LoadError: The source cannot be read.
    """
    found: list[tuple[int, int]] = []
    at = 0
    for mark in _marks(source):
        if mark < at:
            continue
        end = _end_of(source, at, mark)
        if end is None:
            continue
        found.append((at, end))
        at = end
        if len(found) > _MOST_ARCHIVES:
            return []
    return found if at == source.size else []


def _marks(source: ByteSource) -> Iterator[int]:
    """Iterate over the offsets of possible end records of archives."""
    count = 0
    for first in range(0, source.size, _PIECE):
        raw = source.read(first, min(_PIECE + len(_MARK) - 1, source.size - first))
        at = raw.find(_MARK)
        while at >= 0:
            count += 1
            if count > _MOST_MARKS:
                return
            yield first + at
            at = raw.find(_MARK, at + 1)


def _end_of(source: ByteSource, begin: int, mark: int) -> int | None:
    """Return the end of the archive that starts at `begin`; None if its end record is not at `mark`."""
    if mark + END.size > source.size:
        return None
    *_, size, start, comment = END.unpack(source.read(mark, END.size))
    directory_end = mark
    locator = mark - LOCATOR.size
    if locator - END64.size >= begin and source.read(locator, 4) == b"PK\x06\x07":
        directory_end = locator - END64.size
        record = END64.unpack(source.read(directory_end, END64.size))
        if record[0] != b"PK\x06\x06":
            return None
        size, start = record[-2:]
    end: int = mark + END.size + comment
    return end if begin + start + size == directory_end and end <= source.size else None
