"""Table layout: columns that fit, their widths, and shortened text.

Rich shrinks and wraps all columns of a table. Here the least important columns are dropped first, and
names are cut in the middle, where they differ least.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Cell, Column, Row, Table
from netinspect.rendering.formats import ALL_COLUMNS

GAP = 2
BRANCH = 3
"""Cells that each level of a tree takes."""


class Fitted(NamedTuple):
    """A column of the table as laid out."""

    position: int
    """Index in the table's columns."""

    column: Column[Any]
    width: int
    """Cells of the text."""

    bar: int = 0
    """Cells of the longest bar after the text, without the blank between them."""

    most: float = 0
    """The largest amount that a bar shows."""

    @property
    def total(self) -> int:
        """Cells of text and bar."""
        return self.width + (1 + self.bar if self.bar else 0)


_BAR = 10
"""Cells of a bar."""

_LEAST_BAR = 3
"""Cells below which a bar is of no use."""

_BAR_DROP = 4
"""Columns that are dropped earlier than this order do not take the place of bars."""

_DROPPED_FIRST = 100
_LEAST_TEXT = 5
"""Cells that a text keeps as long as a number can be shown whole."""


def fit(
    table: Table, width: int | None, chosen: Sequence[str] | None, *, cut: bool = True
) -> list[Fitted]:
    """Choose the columns of a table and their widths.

    Args:
        table: The table.
        width: Cells on a line; None for no limit.
        chosen: Keys of the columns to show; None for those that are shown by default. With `ALL_COLUMNS`
            the width decides, and columns that are not shown by default are dropped first.
        cut: Whether texts may be cut; otherwise the columns are the same, and lines may be longer.
    """
    droppable = chosen is None or ALL_COLUMNS in chosen
    chosen = wanted_columns(table, chosen)
    natural = _natural_widths(table)
    if width is None:
        natural = [
            max(each, column.least_width) for each, column in zip(natural, table.columns, strict=True)
        ]
    elif cut:
        # Limit each width to the line first, because columns are narrowed by one cell at a time.
        natural = [min(each, max(width, 1)) for each in natural]
    fitted = [
        Fitted(index, column, natural[index])
        for index, column in enumerate(table.columns)
        if (column.shown if chosen is None else column.key in chosen)
    ]
    if chosen is not None:
        fitted.sort(key=lambda each: list(chosen).index(each.column.key))
    if width is None:
        return _with_bars(fitted, table, None)
    bars = (1 + _BAR) * sum(_most(table, each) > 0 for each in fitted)
    while _least_total(fitted) + bars > width:
        optional = [each for each in fitted if _drop_order(each.column)] if droppable else []
        if bars and all(_drop_order(each.column) <= _BAR_DROP for each in optional):
            bars = 0
            continue
        if not optional or len(fitted) == 1:
            break
        # Columns of equal order are dropped together: a minimum is of little use without its maximum.
        last = max(_drop_order(each.column) for each in optional)
        fitted = [each for each in fitted if _drop_order(each.column) != last] or fitted[:1]
    return _with_bars(_shrink(fitted, width) if cut else fitted, table, width)


def dropped_columns(table: Table, fitted: Sequence[Fitted], chosen: Sequence[str] | None) -> list[str]:
    """Return the keys of the columns that `fit` dropped for the width, the last one dropped first."""
    wanted = wanted_columns(table, chosen)
    shown = {each.column.key for each in fitted}
    dropped = [
        column
        for column in table.columns
        if (column.shown if wanted is None else column.key in wanted) and column.key not in shown
    ]
    return [column.key for column in sorted(dropped, key=_drop_order)]


def _with_bars(fitted: list[Fitted], table: Table, width: int | None) -> list[Fitted]:
    """Give bars the rest of the width, in equal parts."""
    most = [_most(table, each) for each in fitted]
    count = sum(map(bool, most))
    if not count:
        return fitted
    room = _BAR
    if width is not None:
        rest = width - sum(each.width + GAP for each in fitted) + GAP
        room = min(_BAR, rest // count - 1)
    if room < _LEAST_BAR:
        return fitted
    return [
        each._replace(bar=room, most=amount) if amount else each
        for each, amount in zip(fitted, most, strict=True)
    ]


def _most(table: Table, fitted: Fitted) -> float:
    """Return the largest amount that the bars of a column show; 0 without bars."""
    if fitted.column.bar is None:
        return 0
    return max((row.cells[fitted.position].bar or 0 for row in table.shown_rows), default=0)


def wanted_columns(table: Table, chosen: Sequence[str] | None) -> Sequence[str] | None:
    """Return the chosen columns that a table has, or None if it has none of them.

    `ALL_COLUMNS` stands for every column that is not named before it.
    """
    keys = [column.key for column in table.columns]
    found: list[str] = []
    for key in chosen or ():
        found += keys if key == ALL_COLUMNS else [key] if key in keys else []
    return list(dict.fromkeys(found)) or None


def _drop_order(column: Column[Any]) -> int:
    return column.drop if column.shown else _DROPPED_FIRST


def _natural_widths(table: Table) -> list[int]:
    widths = [cell_len(column.heading) for column in table.columns]
    trees = [index for index, column in enumerate(table.columns) if column.tree]
    for row in (*table.shown_rows, *table.shown_footer):
        for index, cell in enumerate(row.cells):
            length = text_width(cell)
            if index in trees:
                length += guide_width(row)
            if length > widths[index]:
                widths[index] = length
    return widths


def guide_width(row: Row) -> int:
    """Return the cells that are drawn before the text of a row in a tree."""
    return BRANCH * row.level if row.guide is None else len(row.guide)


def text_width(cell: Cell) -> int:
    """Return the width of a cell's text in terminal cells."""
    text = safe(cell.text)
    return len(text) if text.isascii() else cell_len(text)


def _least(each: Fitted) -> int:
    return each.width if each.column.min_width is None else min(each.width, each.column.min_width)


def _least_total(fitted: list[Fitted]) -> int:
    return sum(map(_least, fitted)) + GAP * (len(fitted) - 1)


def _shrink(fitted: list[Fitted], width: int) -> list[Fitted]:
    widths = [each.width for each in fitted]
    excess = sum(widths) + GAP * (len(fitted) - 1) - width
    while excess > 0:
        # The widest column above its minimum width is narrowed; if all are at their minimum, the widest
        # with text. A number is cut last: without its exponent it would be another one.
        room = [
            size - (1 if each.column.min_width is None else min(each.column.min_width, size))
            for each, size in zip(fitted, widths, strict=True)
        ]
        elastic = [index for index, each in enumerate(fitted) if each.column.min_width is not None]
        texts = [index for index, each in enumerate(fitted) if each.column.align != "right"]
        candidates = (
            [index for index in elastic if room[index] > 0]
            or [index for index in texts if widths[index] > _LEAST_TEXT]
            or [index for index, size in enumerate(widths) if size > 1]
        )
        if not candidates:
            break
        widest = max(candidates, key=lambda index: widths[index])
        widths[widest] -= 1
        excess -= 1
    return [each._replace(width=size) for each, size in zip(fitted, widths, strict=True)]


def cut(text: str, width: int, *, middle: bool = False) -> str:
    """Cut text to a width, with an ellipsis for the omitted part."""
    length = len(text) if text.isascii() else cell_len(text)
    if length <= width:
        return text
    if width <= 1:
        return "…"[:width]
    if not middle:
        start = set_cell_size(text, width - 1)
        return start[: _last_break(text, start, width // 2)].rstrip() + "…"
    return _without_middle(text, width, (width - 1) // 2)


def _last_break(text: str, start: str, least: int) -> int:
    """Return where a text is cut: between words if possible; part of a number is another number."""
    if text.startswith(start):
        for at in range(len(start), max(1, least) - 1, -1):
            if text[at] == " " or (text[at].isupper() and text[at - 1].islower()):
                return at
    return len(start)


def _without_middle(text: str, width: int, tail: int) -> str:
    return set_cell_size(text, width - 1 - tail).rstrip() + "…" + _tail(text, tail)


def cut_apart(texts: Iterable[str], width: int) -> dict[str, str]:
    """Cut texts in the middle and keep different texts different if the width allows.

    `encoder.layers.0.self_attn` and `encoder.layers.1.self_attn` would become equal in 19 cells if each
    were cut separately.

    Returns:
        Each text with its shortened form.
    """
    shown = {text: cut(text, width, middle=True) for text in texts}
    by_short_form: dict[str, list[str]] = {}
    for text, short in shown.items():
        by_short_form.setdefault(short, []).append(text)
    taken = set(by_short_form)
    for group in by_short_form.values():
        if len(group) > 1 and (found := _distinguished(group, width, taken)) is not None:
            shown.update(zip(group, found, strict=True))
            taken.update(found)
    return shown


def _distinguished(group: Sequence[str], width: int, taken: Container[str]) -> list[str] | None:
    """Cut texts with equal short forms so that all short forms are distinct and not in `taken`."""
    for cut_one in _ways_to_cut(group, width):
        found: dict[str, None] = {}
        for text in group:
            short = cut_one(text)
            if short in found or short in taken:
                break
            found[short] = None
        else:
            return list(found)
    return None


def _ways_to_cut(group: Sequence[str], width: int) -> Iterator[Callable[[str], str]]:
    """Yield ways to cut texts with equal short forms, the usual ones first."""
    usual = (width - 1) // 2
    # Either end keeps at least half of its usual length.
    tails = range(usual - usual // 2, usual + usual // 2 + 1)
    for tail in sorted(tails, key=lambda tail: (abs(tail - usual), -tail)):
        yield partial(_without_middle, width=width, tail=tail)
    # The texts differ in the middle: show that part, with an ellipsis on both sides.
    start = _common_prefix(group)
    end = _common_prefix([text[start:][::-1] for text in group])
    room = width - 2 - max(cell_len(text[start : len(text) - end]) for text in group)
    before, after = group[0][:start], group[0][len(group[0]) - end :]
    for right in range(room // 2, room + 1) if room > 0 else ():
        left = set_cell_size(before, room - right).rstrip()
        ends = f"{left}…", f"…{_tail(after, right)}"
        yield partial(_between, start=start, end=end, ends=ends)


def _between(text: str, start: int, end: int, ends: tuple[str, str]) -> str:
    return text[start : len(text) - end].join(ends)


def _common_prefix(texts: Sequence[str]) -> int:
    """Return the length of the common prefix of texts."""
    first, last = min(texts), max(texts)
    return next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))


def _tail(text: str, width: int) -> str:
    start = len(text)
    while start and cell_len(text[start - 1 :]) <= width:
        start -= 1
    # A combining accent whose letter was cut off would combine with the ellipsis.
    while start < len(text) and not cell_len(text[start]):
        start += 1
    return text[start:]
