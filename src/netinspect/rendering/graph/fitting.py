"""Coordinates of the boxes of each row across the flow of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from netinspect.records.picture import OUTSIDE
from netinspect.rendering.graph.boxes import Body, Sized

_GAP = 22.0
_LANE = 14.0
"""Least distances between neighbours of a row: two boxes, and two of which one is a dummy vertex."""

_HEAVY, _TRUNK, _LIGHT = 100.0, 2.0, 1.0
"""Weights of links: between two boxes, between two dummy vertices, and between a box and a dummy."""

_SWEEPS = 8
_SNAP = 16.0
"""Edges that bend by less are made straight if there is room."""


class Across(NamedTuple):
    """Coordinates of the vertices of a body across the flow."""

    boxes: list[float]
    """Anchor of each box; the port of the body is at 0."""

    dummies: list[dict[int, float]]
    """For each row the coordinate of each dummy vertex in it."""


def fit_rows(body: Body, children: Sequence[Sized]) -> Across:
    """Return the coordinates of the boxes and dummy vertices of a body, across the flow.

    Args:
        body: The body.
        children: Its boxes, with the room that they need on both sides of their anchors.
    """
    count = len(children)
    # A port is before the first and after the last row; as a vertex it has the number `count`.
    rows = [[count], *map(list, body.rows), [count]]
    places = [{vertex: place for place, vertex in enumerate(row)} for row in rows]
    before, after = _links(body, places, count)
    spaces = [_spaces(row, children, count) for row in rows]
    at = [_packed(space) for space in spaces]
    if max(map(len, rows)) > 1:
        order = range(1, len(rows) - 1)
        for sweep in range(_SWEEPS):
            both = sweep >= _SWEEPS // 2
            for row in order if sweep % 2 == 0 else reversed(order):
                found = [
                    (before[row][place] if both or sweep % 2 == 0 else [])
                    + (after[row][place] if both or sweep % 2 == 1 else [])
                    for place in range(len(rows[row]))
                ]
                _fit_row(row, found, at, spaces[row])
        for row in order:
            _snap(row, rows[row], before[row], at, spaces[row])
        for row in reversed(order):
            _snap(row, rows[row], after[row], at, spaces[row])
        chains = _chains(rows, before, after)
        for _ in range(2):
            _straighten(rows, chains, at, spaces)
    boxes = [0.0] * count
    dummies: list[dict[int, float]] = [{} for _ in body.rows]
    for number, vertices in enumerate(rows[1:-1]):
        for place, vertex in enumerate(vertices):
            if vertex >= 0:
                boxes[vertex] = at[number + 1][place]
            else:
                dummies[number][vertex] = at[number + 1][place]
    return Across(boxes, dummies)


_Link = tuple[int, int, float]
"""Row and place of a neighbour, and the weight of the link."""


def _links(
    body: Body, places: Sequence[Mapping[int, int]], count: int
) -> tuple[list[list[list[_Link]]], list[list[list[_Link]]]]:
    """Return, for each vertex of each row, the links to the row before and to the row after."""
    row_of = {vertex: row for row, found in enumerate(places) for vertex in found if 0 <= vertex < count}
    before: list[list[list[_Link]]] = [[[] for _ in row] for row in places]
    after: list[list[list[_Link]]] = [[[] for _ in row] for row in places]
    seen = set()
    for line in body.lines:
        first = row_of[line.source] if line.source != OUTSIDE else 0
        last = row_of[line.target] if line.target != OUTSIDE else len(places) - 1
        dummy = -1 - (line.source if line.source != OUTSIDE else count)
        vertex = line.source if line.source != OUTSIDE else count
        for row in range(first + 1, last + 1):
            following = dummy
            if row == last:
                following = line.target if line.target != OUTSIDE else count
            elif dummy not in places[row]:
                break
            if (row, vertex, following) not in seen:
                seen.add((row, vertex, following))
                weight = _HEAVY if vertex >= 0 and following >= 0 else _LIGHT
                if vertex < 0 and following < 0:
                    weight = _TRUNK
                above, below = places[row - 1][vertex], places[row][following]
                before[row][below].append((row - 1, above, weight))
                after[row - 1][above].append((row, below, weight))
            vertex = following
    return before, after


def _spaces(row: Sequence[int], children: Sequence[Sized], count: int) -> list[float]:
    """Return the least distances between the neighbours of a row."""
    spaces = []
    for left, right in pairwise(row):
        space = _GAP if 0 <= left < count and 0 <= right < count else _LANE
        if 0 <= left < count:
            space += children[left].after
        if 0 <= right < count:
            space += children[right].before
        spaces.append(space)
    return spaces


def _packed(spaces: Sequence[float]) -> list[float]:
    """Return coordinates with the least distances, centred at 0."""
    at = [0.0]
    for space in spaces:
        at.append(at[-1] + space)
    return [each - at[-1] / 2 for each in at]


def _fit_row(
    row: int, links: Sequence[Sequence[_Link]], at: list[list[float]], spaces: Sequence[float]
) -> None:
    """Move the vertices of a row as near as possible to the means of their neighbours."""
    wanted, weights = [], []
    for place, found in enumerate(links):
        total = sum(weight for _, _, weight in found)
        if total > 0:
            wanted.append(sum(at[other][where] * weight for other, where, weight in found) / total)
            weights.append(total)
        else:
            wanted.append(at[row][place])
            weights.append(1e-6)
    # Blocks of vertices at their least distances: weight, weighted sum, and first vertex.
    blocks: list[list[float]] = []
    shift = 0.0
    for place, (want, weight) in enumerate(zip(wanted, weights, strict=True)):
        if place:
            shift += spaces[place - 1]
        blocks.append([weight, weight * (want - shift), place])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][0] >= blocks[-1][1] / blocks[-1][0]:
            joined = blocks.pop()
            blocks[-1][0] += joined[0]
            blocks[-1][1] += joined[1]
    shift, block = 0.0, -1
    for place in range(len(wanted)):
        if place:
            shift += spaces[place - 1]
        if block + 1 < len(blocks) and blocks[block + 1][2] == place:
            block += 1
        at[row][place] = blocks[block][1] / blocks[block][0] + shift


def _snap(
    row: int,
    vertices: Sequence[int],
    links: Sequence[Sequence[_Link]],
    at: list[list[float]],
    spaces: Sequence[float],
) -> None:
    """Make edges that bend by very little straight."""
    for place, found in enumerate(links):
        best: _Link | None = None
        for link in found:
            near = best is None or abs(at[link[0]][link[1]] - at[row][place]) < abs(
                at[best[0]][best[1]] - at[row][place]
            )
            if link[2] > 1 and near:
                best = link
        if best is None:
            continue
        wanted = at[best[0]][best[1]]
        if abs(wanted - at[row][place]) < _SNAP:
            _move(place, wanted, vertices, at[row], spaces)


def _move(
    place: int, wanted: float, vertices: Sequence[int], at: list[float], spaces: Sequence[float]
) -> None:
    """Move a vertex if there is room, or if only dummy vertices have to make room."""
    moved = {place: wanted}
    for step in (-1, 1):
        here = place
        while 0 <= here + step < len(at):
            space = spaces[here if step > 0 else here - 1]
            if (at[here + step] - moved[here]) * step >= space - 1e-6:
                break
            if vertices[here + step] >= 0:
                return
            moved[here + step] = moved[here] + step * space
            here += step
    for here, across in moved.items():
        at[here] = across


def _room(
    place: int, vertices: Sequence[int], at: Sequence[float], spaces: Sequence[float]
) -> tuple[float, float]:
    """Return the room of a vertex between its neighbours; dummy vertices make room for a box."""
    is_dummy = vertices[place] < 0
    low, high = float("-inf"), float("inf")
    space = 0.0
    for here in range(place - 1, -1, -1):
        space += spaces[here]
        if is_dummy or vertices[here] >= 0:
            low = at[here] + space
            break
    space = 0.0
    for here in range(place + 1, len(at)):
        space += spaces[here - 1]
        if is_dummy or vertices[here] >= 0:
            high = at[here] - space
            break
    # Rounding may leave no room at all.
    return min(low, at[place]), max(high, at[place])


def _straighten(
    rows: Sequence[Sequence[int]],
    chains: Sequence[Sequence[tuple[int, int]]],
    at: list[list[float]],
    spaces: Sequence[Sequence[float]],
) -> None:
    """Give the vertices of each chain one coordinate, as far as there is room."""

    def room_of(row: int, place: int) -> tuple[float, float]:
        if row in (0, len(rows) - 1):
            return 0.0, 0.0
        return _room(place, rows[row], at[row], spaces[row])

    for chain in chains:
        start = 0
        while start < len(chain):
            low, high = room_of(*chain[start])
            end = start + 1
            while end < len(chain):
                room = room_of(*chain[end])
                if max(low, room[0]) > min(high, room[1]):
                    break
                low, high = max(low, room[0]), min(high, room[1])
                end += 1
            run = chain[start:end]
            middle = sorted(at[row][place] for row, place in run)[len(run) // 2]
            wanted = min(max(middle, low), high)
            for row, place in run:
                _move(place, wanted, rows[row], at[row], spaces[row])
            start = end


def _chains(
    rows: Sequence[Sequence[int]],
    before: Sequence[Sequence[Sequence[_Link]]],
    after: Sequence[Sequence[Sequence[_Link]]],
) -> list[list[tuple[int, int]]]:
    """Return the rows and places of the vertices on lines without joins.

    Where an edge branches, the line goes on to the only box in the next row, or to the only dummy vertex
    of a dummy vertex.
    """
    chains: list[list[tuple[int, int]]] = []
    chain_of: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row in range(len(rows)):
        for place in range(len(rows[row])):
            chain: list[tuple[int, int]] | None = None
            if len(before[row][place]) == 1:
                other, where, weight = before[row][place][0]
                onward = after[other][where]
                equal = [link for link in onward if link[2] == weight]
                if len(onward) == 1 or (len(equal) == 1 and weight > _LIGHT):
                    chain = chain_of[other, where]
            if chain is None:
                chain = []
                chains.append(chain)
            chain.append((row, place))
            chain_of[row, place] = chain
    return [chain for chain in chains if len(chain) > 1]
