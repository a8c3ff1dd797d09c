"""Depth of the trees of a document: how many levels fit a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.rendering.document import Block, Document, Row, Table, line

LEAST_LEVEL = 1
"""The level that is always shown, whatever the height."""


def fit_height(document: Document, height: int, count_lines: Callable[[Document], int]) -> Document:
    """Return a document whose trees are shown down to the deepest level that fits a height.

    Args:
        document: The document.
        height: Lines of the screen.
        count_lines: Return the number of lines that a document takes.
    """
    if count_lines(document) <= height:
        return document
    deepest = max((row.level for rows in _trees(document) for row in rows), default=0)
    closed = document
    for level in reversed(range(LEAST_LEVEL, deepest)):
        closed = close_below(document, level)
        if count_lines(closed) <= height:
            break
    return closed


def close_below(document: Document, level: int) -> Document:
    """Return a document whose trees end at a level, with a note on the rows below it."""
    closed = sum(row.level > level for rows in _trees(document) for row in rows)
    note = line((f"{units.plural(closed, 'row')} below level {level} not shown (--depth 0)", "hint"))
    return replace(
        document,
        blocks=tuple(_close(block, level) for block in document.blocks),
        notes=(note, *document.notes) if closed else document.notes,
    )


def _close(block: Block, level: int) -> Block:
    if not isinstance(block, Table) or all(row.level <= level for row in block.shown_rows):
        return block
    return replace(block, folded=tuple(row for row in block.shown_rows if row.level <= level))


def _trees(document: Document) -> list[Sequence[Row]]:
    return [block.shown_rows for block in document.blocks if isinstance(block, Table)]
