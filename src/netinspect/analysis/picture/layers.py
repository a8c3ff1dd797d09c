"""Rows of a body: which box is above which, and in what order, before anything has a size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netinspect.records.picture import OUTSIDE, Edge, PictureItem

MOST_READERS = 8
"""Readers of one box in a body; with more, its edges are stubs instead of lines."""

_SWEEPS = 8

Ends = tuple[int, int]


def project(edges: Iterable[Edge], items: Sequence[PictureItem]) -> dict[Ends, Edge]:
    """Return the first edge between each two items of a body, without those inside of one item."""
    item_of = [index for index, item in enumerate(items) for _ in item.names]
    found: dict[Ends, Edge] = {}
    for edge in edges:
        source = item_of[edge.source] if edge.source != OUTSIDE else OUTSIDE
        target = item_of[edge.target] if edge.target != OUTSIDE else OUTSIDE
        if source != target:
            found.setdefault((source, target), edge)
    return found


def stubs(projected: dict[Ends, Edge]) -> set[Ends]:
    """Return the edges that are drawn as a label at their reader.

    These are tensors in objects with state, such as a KV cache, those of a box that very many boxes
    read, such as a mask, and those that a later box hands to an earlier one, as in threads.
    """
    readers: dict[int, int] = {}
    for source, _ in projected:
        readers[source] = readers.get(source, 0) + 1
    return {
        (source, target)
        for (source, target), edge in projected.items()
        if edge.in_object or readers[source] > MOST_READERS or source > target != OUTSIDE
    }


def arrange(items: Sequence[PictureItem], edges: Iterable[Edge]) -> tuple[tuple[int, ...], ...]:
    """Return the rows of a body; see `Template.layers`.

    The row of a box is one after the last row of the boxes that it reads; a box that reads nothing is in
    the row before its first reader. In a row the order is the one with the fewest crossings that sweeps
    of barycentres find.
    """
    projected = project(edges, items)
    hidden = stubs(projected)
    lines = sorted(ends for ends in projected if ends not in hidden)
    ranks = _ranks(len(items), lines)
    rows, links = _rows_with_dummies(ranks, lines)
    return _ordered(rows, links)


def _ranks(count: int, lines: Sequence[Ends]) -> list[int]:
    sources: list[list[int]] = [[] for _ in range(count)]
    readers: list[list[int]] = [[] for _ in range(count)]
    for source, target in lines:
        if OUTSIDE not in (source, target):
            sources[target].append(source)
            readers[source].append(target)
    from_outside = {target for source, target in lines if source == OUTSIDE}
    ranks = [0] * count
    linked = -1
    for item in range(count):
        if sources[item]:
            ranks[item] = 1 + max(ranks[each] for each in sources[item])
        elif not readers[item] and item not in from_outside:
            # Nothing is known of its place but the order.
            ranks[item] = linked + 1
        linked = max(linked, ranks[item])
    for item in reversed(range(count)):
        if not sources[item] and readers[item] and item not in from_outside:
            ranks[item] = max(0, min(ranks[each] for each in readers[item]) - 1)
    return ranks


def _rows_with_dummies(
    ranks: Sequence[int], lines: Sequence[Ends]
) -> tuple[list[list[int]], list[dict[int, list[int]]]]:
    """Return rows of items and dummies, and for each row the links to the row before it."""
    count = len(ranks)
    last = max(ranks, default=-1)
    rows: list[list[int]] = [[] for _ in range(last + 1)]
    links: list[dict[int, list[int]]] = [{} for _ in range(last + 1)]
    for item, rank in enumerate(ranks):
        rows[rank].append(item)
    ends: dict[int, int] = {}
    """For each source with long edges, the last row that its dummy passes."""
    for source, target in lines:
        start = ranks[source] if source != OUTSIDE else -1
        end = ranks[target] if target != OUTSIDE else last + 1
        if end - start > 1:
            ends[source] = max(ends.get(source, -1), end - 1)
    for source, end in ends.items():
        dummy = -1 - (source if source != OUTSIDE else count)
        for passed in range((ranks[source] if source != OUTSIDE else -1) + 1, end + 1):
            rows[passed].append(dummy)
    present = [set(row) for row in rows]
    for source, target in lines:
        if target == OUTSIDE or (rank := ranks[target]) == 0:
            continue
        dummy = -1 - (source if source != OUTSIDE else count)
        before = dummy if dummy in present[rank - 1] else source
        links[rank].setdefault(target, []).append(before)
    for rank, row in enumerate(rows[1:], 1):
        for dummy in (node for node in row if node < 0):
            above = dummy if dummy in present[rank - 1] else -1 - dummy
            links[rank].setdefault(dummy, []).append(above)
    return rows, links


def _ordered(
    rows: list[list[int]], links: Sequence[dict[int, list[int]]]
) -> tuple[tuple[int, ...], ...]:
    if all(len(row) == 1 for row in rows):
        return tuple(map(tuple, rows))
    below: list[dict[int, list[int]]] = [{} for _ in rows]
    for rank, found in enumerate(links):
        for node, befores in found.items():
            for before in befores:
                below[rank - 1].setdefault(before, []).append(node)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        if sweep % 2 == 0:
            for rank in range(1, len(rows)):
                _sort(rows[rank], links[rank], rows[rank - 1])
        else:
            for rank in reversed(range(len(rows) - 1)):
                _sort(rows[rank], below[rank], rows[rank + 1])
        found_crossings = _crossings(rows, links)
        if found_crossings < fewest:
            best, fewest = [list(row) for row in rows], found_crossings
    return tuple(map(tuple, best))


def _sort(row: list[int], links: dict[int, list[int]], fixed: Sequence[int]) -> None:
    """Sort a row by the mean places of what each node is linked to in a fixed row."""
    places = {node: place for place, node in enumerate(fixed)}
    weights = {}
    for place, node in enumerate(row):
        linked = [places[each] for each in links.get(node, ())]
        weights[node] = sum(linked) / len(linked) if linked else float(place)
    row.sort(key=lambda node: weights[node])


def _crossings(rows: Sequence[Sequence[int]], links: Sequence[dict[int, list[int]]]) -> int:
    """Count the crossings of the links between neighbouring rows, by merging in O(E log E)."""
    total = 0
    for rank in range(1, len(rows)):
        places = {node: place for place, node in enumerate(rows[rank - 1])}
        ends = [
            place
            for node in rows[rank]
            for place in sorted(places[each] for each in links[rank].get(node, ()))
        ]
        total += _inversions(ends)
    return total


def _inversions(numbers: list[int]) -> int:
    if len(numbers) < 2:
        return 0
    counts = [0] * (max(numbers) + 2)
    total = 0
    for seen, number in enumerate(numbers):
        # A Fenwick tree of the numbers so far: how many are at most this one.
        index, at_most = number + 1, 0
        while index:
            at_most += counts[index]
            index -= index & -index
        total += seen - at_most
        index = number + 1
        while index < len(counts):
            counts[index] += 1
            index += index & -index
    return total
