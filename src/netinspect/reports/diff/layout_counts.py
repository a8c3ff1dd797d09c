"""Table of `diff --counts`: changes per top-level module, with a bar as in `git diff --stat`."""

from __future__ import annotations

from collections.abc import Sequence

from netinspect._utils import units
from netinspect.rendering.columns import count_column, size_column
from netinspect.rendering.document import Column, Row, Table, cell, make_row, make_table
from netinspect.rendering.styles import StyleName
from netinspect.reports.diff.counts import NUMBERS
from netinspect.reports.diff.layout_tensors import MARKS
from netinspect.reports.diff.record import Diff, DiffGroup

_BAR = 24
"""Width of the longest bar in characters."""

_MAX_ROWS = 16
"""Maximum number of rows; the remaining modules share one row."""

_CHANGES = ("added", "removed", "changed", "renamed")


def _count_column(key: str, drop: int = 0) -> Column[DiffGroup]:
    return count_column(key, lambda group: getattr(group, key), drop=drop, zero="-")


def _columns(most: int) -> tuple[Column[DiffGroup], ...]:
    """Return the columns.

    Args:
        most: Number of changes with the longest bar.
    """
    return (
        Column(
            key="path",
            value=lambda group: group.path,
            text=lambda group: group.path or "(tensors of its own)",
            min_width=12,
            elide="middle",
        ),
        *(_count_column(key) for key in _CHANGES),
        _count_column("same", drop=4),
        count_column("old_elements", lambda group: group.old_elements, drop=3),
        count_column("new_elements", lambda group: group.new_elements, drop=2),
        size_column("old_bytes", lambda group: group.old_bytes, shown=False),
        size_column("new_bytes", lambda group: group.new_bytes, shown=False),
        Column(
            key="bar",
            in_plain=False,
            value=lambda group: None,
            text=lambda group: _bar([getattr(group, key) for key in _CHANGES], most),
            drop=1,
        ),
    )


def build_counts(report: Diff) -> Table:
    """Build the table of change counts."""
    groups = sorted(report.groups, key=lambda each: -_changes(each))
    most = max(map(_changes, groups), default=0)
    columns = _columns(most)
    shown = len(groups) if not report.fold or len(groups) <= _MAX_ROWS else _MAX_ROWS - 1
    own_row, rest = {id(each) for each in groups[:shown]}, groups[shown:]
    folded = [_sum_row(columns, [each], each.path) for each in report.groups if id(each) in own_row]
    if rest:
        folded.append(_sum_row(columns, rest, f"{units.count(len(rest))} more"))
    total = _sum_row(_columns(0), report.groups, "total", style="total")
    return make_table("changes", columns, report.groups, folded=folded, footer=(total,))


def _sum_row(
    columns: tuple[Column[DiffGroup], ...], groups: Sequence[DiffGroup], name: str, style: StyleName = ""
) -> Row:
    """Return the row of the sum of some modules."""
    total = _sum(groups)
    cells = {column.key: column.make_cell(total) for column in columns}
    if name:
        cells["path"] = cell(None, name)
    return make_row(columns, cells, style)


def _changes(group: DiffGroup) -> int:
    return sum(getattr(group, key) for key in _CHANGES)


def _sum(groups: Sequence[DiffGroup]) -> DiffGroup:
    return DiffGroup(path="", **{key: sum(getattr(each, key) for each in groups) for key in NUMBERS})


def _bar(counts: Sequence[int], most: int) -> str:
    """Format counts as a bar, with at least one character for every nonzero count."""
    if not most:
        return ""
    room = min(most, _BAR)
    return "".join(
        MARKS[change] * max(1, round(room * count / most))
        for count, change in zip(counts, _CHANGES, strict=True)
        if count
    )
