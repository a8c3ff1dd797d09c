"""Reader of the tracks of a graph: follows their lines from row to row."""

from __future__ import annotations

from collections.abc import Sequence

ALONE = "·"
MARKERS = "●○▾✗" + ALONE
_FROM_ABOVE = "│├┤┼┴╯╰●○▾✗"
_BELOW = "│├┤┼"
_JOINED = "├┤┼┴╯╰"


def read_tracks(guides: Sequence[str]) -> list[set[int]]:
    """Return for each row the earlier rows that a line connects it to.

    Raises:
        AssertionError: A line ends nowhere, or begins nowhere.
    """
    found: list[set[int]] = []
    tracks: dict[int, int] = {}
    """Row from which a line goes down, by column; of a marker it may be that nothing reads it."""
    sure: set[int] = set()
    """Columns whose line goes down without doubt."""
    for row, guide in enumerate(guides):
        cells, between = guide[0::2], guide[1::2]
        (marker,) = (column for column, cell in enumerate(cells) if cell in MARKERS)
        reads = set()
        joined = set()
        for step in (1, -1):
            column = marker
            while 0 <= column < len(cells):
                line = between[column] if step > 0 else (between[column - 1] if column else " ")
                if line != "─":
                    break
                column += step
                if cells[column] in _JOINED:
                    joined.add(column)
        for column, cell in enumerate(cells):
            if cell in _JOINED:
                assert column in joined, f"row {row}: {cell} in column {column} is not joined"
            if cell in "│" + _JOINED:
                assert column in tracks, f"row {row}: {cell} in column {column} begins nowhere"
            if column in sure:
                assert cell in _FROM_ABOVE, f"row {row}: the line in column {column} ends nowhere"
        reads = {tracks[column] for column in joined}
        if cells[marker] != ALONE and marker in tracks:
            reads.add(tracks[marker])
        found.append(reads)
        sure = {column for column, cell in enumerate(cells) if cell in _BELOW}
        tracks = {column: tracks[column] for column in sure}
        if cells[marker] != ALONE:
            tracks[marker] = row
    return found
