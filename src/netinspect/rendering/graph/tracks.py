"""Tracks of data at the left of the rows of a graph, as `git log --graph` draws branches.

Each box has a row and a marker. What it returns goes down in a track, until the last row that reads it:
that row has its marker in the track, or a line to it. A line passes below the tracks that it crosses,
and never joins them: `├─│─●` reads the first track only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import accumulate
from typing import NamedTuple

MOST_TRACKS = 14
"""Most tracks side by side; what would need more is a label at its reader."""

MARKER = "●"
FUNCTION_MARKER = "○"
OPEN_MARKER = "▾"
FAILED_MARKER = "✗"
ALONE_MARKER = "·"
"""Marker of a box without lines."""

_ENDS = {
    # (continues below, has a line to the left, has a line to the right)
    (True, False, True): "├",
    (True, True, False): "┤",
    (True, True, True): "┼",
    (False, False, True): "╰",
    (False, True, False): "╯",
    (False, True, True): "┴",
}


class Drawn(NamedTuple):
    """The tracks of some rows."""

    guides: list[str]
    """Text before the name of each row, all of one width."""

    labels: list[list[int]]
    """For each row, the rows that it reads without a track."""


def draw_tracks(reads: Sequence[Sequence[int]], markers: Sequence[str]) -> Drawn:
    """Draw the tracks of rows.

    Args:
        reads: For each row, the earlier rows whose data it reads.
        markers: Marker of each row, if it has a line.
    """
    labels: list[list[int]] = [[] for _ in reads]
    drawn = [list(each) for each in reads]
    while True:
        last = _last_readers(drawn)
        # Without one track at most one fewer is side by side; of columns that is not so.
        surplus = _most_at_once(last, len(drawn)) - MOST_TRACKS
        if surplus <= 0:
            columns, lines = _columns(drawn)
            width = max(columns.values(), default=-1) + 1
            if width <= MOST_TRACKS:
                break
            surplus = 1
        # The longest tracks go.
        lengths = {source: row - source for source, row in last.items()}
        for source in nlargest(surplus, lengths, key=lengths.__getitem__):
            for row in range(source + 1, last[source] + 1):
                if source in drawn[row]:
                    drawn[row].remove(source)
                    labels[row].append(source)
    alone = {row for row, sources in enumerate(drawn) if not sources} - {
        source for sources in drawn for source in sources
    }
    guides = [
        _guide(line, columns[row], ALONE_MARKER if row in alone else markers[row], width)
        for row, line in enumerate(lines)
    ]
    return Drawn(guides, labels)


class _Line(NamedTuple):
    """The tracks at a row."""

    passing: frozenset[int]
    """Columns of the tracks that go on below the row and came from above."""

    joined: Mapping[int, bool]
    """Columns of the tracks with a line to the marker, and whether they go on below."""


def _last_readers(reads: Sequence[Sequence[int]]) -> dict[int, int]:
    return {source: row for row, sources in enumerate(reads) for source in sources}


def _most_at_once(last: Mapping[int, int], count: int) -> int:
    """Return the most tracks below one of several rows, which the width is never below."""
    changes = [0] * (count + 1)
    for source, row in last.items():
        changes[source] += 1
        changes[row] -= 1
    return max(accumulate(changes))


def _columns(reads: Sequence[Sequence[int]]) -> tuple[dict[int, int], list[_Line]]:
    """Return the column of each row's marker, and the tracks at each row."""
    last = _last_readers(reads)
    columns: dict[int, int] = {}
    live: dict[int, int] = {}
    """Column of each row whose data is still to be read."""

    lines = []
    unread = -1
    """Column of the marker above, if no line leaves it: a marker below it would seem to read it."""

    for row, sources in enumerate(reads):
        ended = sorted(live[each] for each in sources if last[each] == row)
        going_on = [live[each] for each in sources if last[each] != row]
        if ended:
            column = ended[0]
        else:
            taken = {*live.values(), unread}
            free = [each for each in range(len(live) + 2) if each not in taken]
            column = min(free, key=lambda each: _cost(each, going_on, taken))
        for each in sources:
            if last[each] == row:
                del live[each]
        joined = dict.fromkeys((each for each in ended if each != column), False)
        joined |= dict.fromkeys(going_on, True)
        lines.append(_Line(frozenset(live.values()), joined))
        columns[row] = column
        unread = column
        if row in last:
            live[row] = column
            unread = -1
    return columns, lines


def _cost(column: int, joined: Sequence[int], taken: set[int]) -> tuple[int, int, int]:
    """Return how bad a column for a marker is: crossings, length of the lines, place."""
    if not joined:
        return 0, 0, column
    low, high = min(column, *joined), max(column, *joined)
    crossed = sum(1 for each in range(low, high) if each in taken and each not in joined)
    return crossed, high - low, -column


def _guide(line: _Line, column: int, marker: str, width: int) -> str:
    low, high = min((column, *line.joined)), max((column, *line.joined))
    text = []
    for each in range(width):
        left, right = low < each, each < high
        inside = low <= each <= high
        if each == column:
            text.append(marker)
        elif each in line.joined:
            text.append(_ENDS[line.joined[each], left and inside, right and inside])
        elif each in line.passing:
            text.append("│")
        else:
            text.append("─" if inside else " ")
        text.append("─" if low <= each < high else " ")
    return "".join(text)
