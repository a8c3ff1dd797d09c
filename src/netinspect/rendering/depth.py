"""Parts of a document that fit a screen: levels of its trees, and the first rows of its lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.rendering.document import Block, Document, Row, Table, line

LEAST_ROWS = 5
"""Number of rows of a list that are always shown, whatever the height."""

_NOTE_LINES = 4
"""Most lines that the note on the rows of a list takes."""


def fit_height(document: Document, height: int, count_lines: Callable[[Document], int]) -> Document:
    """Return a document that fits a height: trees end at a level, and lists after some rows.

    Trees are shown down to the deepest level that fits. In lines that are left, rows of that level are
    opened, those with the largest bar first.

    Args:
        document: The document.
        height: Lines of the screen.
        count_lines: Return the number of lines that a document takes.
    """
    lines = count_lines(document)
    if lines <= height:
        return document
    if any(map(_is_list, document.blocks)):
        # The note may take more lines, or other columns fit the rows that are left.
        for more in range(_NOTE_LINES):
            cut = cut_lists(document, lines - height + 1 + more)
            if count_lines(cut) <= height:
                break
        return cut
    trees = [[row.level for row in rows] for rows in _trees(document)]
    levels = [level for tree in trees if any(tree) for level in tree]
    closed = document
    for level in reversed(range(least_level(levels), max(levels, default=0))):
        closed = close_below(document, level)
        if count_lines(closed) <= height:
            return close_below(document, level, room=height - count_lines(closed))
    return closed


def least_level(levels: Sequence[int]) -> int:
    """Return the level that is always shown: the top, or the one below it if the top is one row."""
    return 1 if levels.count(0) == 1 else 0


def cut_lists(document: Document, lines: int) -> Document:
    """Return a document whose lists are shorter by some lines, with a note on their last rows."""
    blocks, notes = [], []
    for block in document.blocks:
        if isinstance(block, Table) and block.rest is not None:
            shown = max(LEAST_ROWS, len(block.shown_rows) - lines)
            if shown + 1 < len(block.shown_rows):
                notes.append(block.rest(shown))
                block = replace(block, folded=block.shown_rows[:shown])
        blocks.append(block)
    return replace(document, blocks=tuple(blocks), notes=(*notes, *document.notes))


def _is_list(block: Block) -> bool:
    return isinstance(block, Table) and block.rest is not None


def close_below(document: Document, level: int, *, room: int = 0) -> Document:
    """Return a document whose trees end at a level, with a note on the rows that are left out.

    Args:
        document: The document.
        level: The deepest level.
        room: Number of deeper rows to show nevertheless, by opening rows of the largest amounts.
    """
    blocks = tuple(_close(block, level, room) for block in document.blocks)
    closed = replace(document, blocks=blocks)
    hidden = sum(map(len, _trees(document))) - sum(map(len, _trees(closed)))
    note = line((f"+N: {units.plural(hidden, 'row')} below not shown (--depth 0 shows all)", "hint"))
    return replace(closed, notes=(note, *document.notes)) if hidden else document


def _close(block: Block, level: int, room: int) -> Block:
    if not isinstance(block, Table) or all(row.level <= level for row in block.shown_rows):
        return block
    rows = block.shown_rows
    shown = {at for at, row in enumerate(rows) if row.level <= level}
    below = _directly_below(rows)
    while True:
        fitting = (at for at in shown if 0 < len(below[at]) <= room and below[at][0] not in shown)
        opened = min(fitting, key=lambda at: (-_amount(rows[at]), len(below[at]), at), default=None)
        if opened is None:
            break
        shown.update(below[opened])
        room -= len(below[opened])
    tree = next((index for index, column in enumerate(block.columns) if column.tree), None)
    folded = []
    for at in sorted(shown):
        row = rows[at]
        if tree is not None and below[at] and below[at][0] not in shown:
            row = _mark(row, tree, len(_branch(rows, at)))
        folded.append(row)
    return replace(block, folded=tuple(folded))


def _amount(row: Row) -> float:
    """Return the amount that a row's bar shows; 0 for a row without one."""
    return max((cell.bar or 0.0 for cell in row.cells), default=0.0)


def _mark(row: Row, tree: int, hidden: int) -> Row:
    """Return a row with the number of hidden rows below it after its name."""
    cells = list(row.cells)
    cells[tree] = replace(cells[tree], text=f"{cells[tree].text}  +{units.count(hidden)}")
    return replace(row, cells=tuple(cells))


def _branch(rows: Sequence[Row], at: int) -> list[int]:
    """Return the positions of all rows below a row."""
    after = range(at + 1, len(rows))
    return list(takewhile(lambda other: rows[other].level > rows[at].level, after))


def _directly_below(rows: Sequence[Row]) -> list[list[int]]:
    """Return for each row the positions of the rows directly below it."""
    below: list[list[int]] = [[] for _ in rows]
    above: list[int] = []
    for at, row in enumerate(rows):
        while above and rows[above[-1]].level >= row.level:
            above.pop()
        if above:
            below[above[-1]].append(at)
        above.append(at)
    return below


def _trees(document: Document) -> list[Sequence[Row]]:
    return [block.shown_rows for block in document.blocks if isinstance(block, Table)]
