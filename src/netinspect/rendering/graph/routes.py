"""Ways of the edges of a body through its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netinspect.records.picture import OUTSIDE
from netinspect.rendering.graph.boxes import Body, Line, Sized
from netinspect.rendering.graph.fitting import Across

_SPREAD = 12.0
"""Distance of the ends of edges that enter the same box."""


class Way(NamedTuple):
    """An edge as the coordinates across the flow at which it passes the rows."""

    line: Line
    first: int
    """Row of the source; -1 for the border."""

    across: tuple[float, ...]
    """Coordinate in each row from the source to the target; at the target that of its end."""

    bends: tuple[tuple[int, float, float], ...]
    """For each space between rows: its number and the coordinates in the rows before and after it."""


def ways(body: Body, at: Across, count: int) -> list[Way]:
    """Return the ways of all edges of a body.

    Args:
        body: The body.
        at: Coordinates of its vertices across the flow.
        count: Number of its boxes.
    """
    row_of = {
        vertex: row for row, vertices in enumerate(body.rows) for vertex in vertices if vertex >= 0
    }
    passed: list[tuple[Line, int, list[float]]] = []
    arrivals: dict[int, list[tuple[float, int]]] = {}
    for line in body.lines:
        first = row_of[line.source] if line.source != OUTSIDE else -1
        last = row_of[line.target] if line.target != OUTSIDE else len(body.rows)
        dummy = -1 - (line.source if line.source != OUTSIDE else count)
        across = [at.boxes[line.source] if line.source != OUTSIDE else 0.0]
        for row in range(first + 1, last):
            across.append(at.dummies[row].get(dummy, across[-1]))
        if line.target != OUTSIDE:
            arrivals.setdefault(line.target, []).append((across[-1], len(passed)))
            across.append(at.boxes[line.target])
        else:
            across.append(0.0)
        passed.append((line, first, across))
    for target, found in arrivals.items():
        for shift, index in _spread(found, at.boxes[target]):
            passed[index][2][-1] += shift
    return [
        Way(
            line,
            first,
            tuple(across),
            tuple((first + 1 + i, across[i], across[i + 1]) for i in range(len(across) - 1)),
        )
        for line, first, across in passed
    ]


def _spread(arrivals: list[tuple[float, int]], anchor: float) -> list[tuple[float, int]]:
    """Return by how much the end of each edge into a box is off its anchor.

    One that comes straight down stays at the anchor, the others are on their own side of it.
    """
    if len(arrivals) == 1:
        return []
    arrivals = sorted(arrivals)
    left = [index for across, index in arrivals if across < anchor - 0.5]
    right = [index for across, index in arrivals if across > anchor + 0.5]
    half = 0.5 if len(left) + len(right) == len(arrivals) else 0.0
    if not left or not right:
        # All are on one side: the nearest one takes the anchor.
        half = 1.0 if half else 0.0
    shifts = [(-_SPREAD * (len(left) - place - half), index) for place, index in enumerate(left)]
    return shifts + [(_SPREAD * (place + 1 - half), index) for place, index in enumerate(right)]


def points_of(
    way: Way,
    children: Sequence[Sized],
    starts: Sequence[float],
    ends: Sequence[float],
    start: float,
    port_end: float,
    length: float,
    shift: float,
) -> list[tuple[float, float]]:
    """Return the points of an edge, along and across the flow."""
    points: list[tuple[float, float]] = []
    last = way.first + len(way.across) - 1
    for place, across in enumerate(way.across):
        row = way.first + place
        at = across + shift
        if row == way.first:
            source = way.line.source
            if source == OUTSIDE:
                points += [(start, at), (port_end, at)]
            else:
                child = children[source]
                points += [(child.start + child.length, at), (ends[row], at)]
        elif row == last:
            points.append((length if way.line.target == OUTSIDE else starts[row], at))
        else:
            points += [(starts[row], at), (ends[row], at)]
    found = points[:1]
    for place in range(1, len(points)):
        point = points[place]
        following = points[place + 1] if place + 1 < len(points) else None
        # Points between two others on one line are left out.
        if following and abs(found[-1][1] - point[1]) < 0.01 and abs(point[1] - following[1]) < 0.01:
            continue
        if point != found[-1]:
            found.append(point)
    return found
