"""Rows of a graph as text, with the tracks of its data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netinspect.records.picture import OUTSIDE, Template
from netinspect.rendering.graph.opening import Numbers
from netinspect.rendering.graph.outline import Box
from netinspect.rendering.graph.tracks import (
    FAILED_MARKER,
    FUNCTION_MARKER,
    MARKER,
    OPEN_MARKER,
    Drawn,
    draw_tracks,
)

_LAST = 1 << 30
"""Number of the row in an open box where its outputs meet."""


def rows_of(root: Box) -> list[Box]:
    """Return the boxes that have a row, in the order of the calls.

    An open box that returns what several boxes in it make has a last row for it.
    """
    found: list[Box] = []
    waiting = [*reversed(root.children)]
    while waiting:
        box = waiting.pop()
        found.append(box)
        if has_outputs_row(box):
            waiting.append(_outputs_row(box))
        waiting += reversed(box.children)
    return found


def has_outputs_row(box: Box) -> bool:
    """Return whether several boxes in an open box make what it returns."""
    return sum(ends[1] == OUTSIDE for ends in box.lines) > 1


def is_outputs_row(box: Box) -> bool:
    """Return whether a row is the one for what an open box returns."""
    return bool(box.numbers) and box.numbers[-1] == _LAST


def _outputs_row(box: Box) -> Box:
    template = Template(kind="output", label="output", inputs=box.template.output)
    return Box((*box.numbers, _LAST), template, None, box.path, "output", box, len(box.children))


def draw_rows(root: Box, shown: Sequence[Numbers]) -> Drawn:
    """Draw the tracks of the rows that are shown.

    Args:
        root: The box of the model.
        shown: Places of the boxes with a row, in their order. A box is open if boxes in it are shown.
    """
    boxes = {box.numbers: box for box in rows_of(root)}
    row_of = {numbers: row for row, numbers in enumerate(shown)}
    opened = {numbers[:-1] for numbers in shown}
    reads: list[list[int]] = [[] for _ in shown]
    for parent in (root, *(boxes[each] for each in shown)):
        if parent.numbers not in opened or is_outputs_row(parent):
            continue
        for source, target in sorted(parent.lines):
            makers = [*_makers(parent, source, opened)]
            if target == OUTSIDE:
                if not has_outputs_row(parent):
                    continue
                row = row_of[*parent.numbers, _LAST]
            else:
                row = row_of[parent.children[target].numbers]
            reads[row] += (row_of[each] for each in makers if each in row_of)
    unique = [sorted(set(each)) for each in reads]
    return draw_tracks(unique, [_marker(boxes[each], each in opened) for each in shown])


def _makers(parent: Box, source: int, opened: set[Numbers]) -> Iterator[Numbers]:
    """Yield the rows whose tracks are the data of an item of a body, or of its border."""
    if source == OUTSIDE:
        yield parent.numbers
        return
    box = parent.children[source]
    while box.numbers in opened:
        if has_outputs_row(box):
            yield (*box.numbers, _LAST)
            return
        inner = next((ends[0] for ends in box.lines if ends[1] == OUTSIDE), OUTSIDE)
        if inner == OUTSIDE:
            break
        box = box.children[inner]
    yield box.numbers


def _marker(box: Box, is_open: bool) -> str:
    if box.template.failed and not is_open:
        return FAILED_MARKER
    if is_open:
        return OPEN_MARKER
    return MARKER if box.template.kind == "module" else FUNCTION_MARKER


def has_lines(root: Box) -> bool:
    """Return whether there is any data to draw."""
    return any(box.lines for box in root.walk())


def indent(numbers: Numbers) -> str:
    """Return the blanks before the name of a box in other boxes."""
    return "  " * (len(numbers) - 1)
