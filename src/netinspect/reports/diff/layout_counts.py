"""Table of `diff --counts`: changes per top-level module, with a bar as in `git diff --stat`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netinspect._utils import units
from netinspect.rendering.document import Column, Row, Table, cell
from netinspect.reports.diff.record import Diff, DiffGroup

_BAR = 24
"""Width of the longest bar in characters."""

_MAX_ROWS = 16
"""Maximum number of rows; the remaining modules share one row."""

_KINDS = (("added", "+"), ("removed", "-"), ("changed", "~"), ("renamed", ">"))

_COLUMNS: tuple[Column[Any], ...] = (
    Column(key="path", title="part", min_width=12, elide="middle"),
    *(Column(key=key, title=mark, align="right", drop=3) for key, mark in _KINDS),
    Column(key="same", align="right", drop=4),
    Column(key="old_elements", title="size in a", align="right", drop=2),
    Column(key="new_elements", title="size in b", align="right", drop=1),
    Column(key="old_bytes", title="bytes in a", align="right", shown=False),
    Column(key="new_bytes", title="bytes in b", align="right", shown=False),
    Column(key="bar", title=""),
)


def build_counts(report: Diff) -> Table:
    """Build the table of change counts."""
    groups = sorted(report.groups, key=lambda each: -_changes(each))
    most = max(map(_changes, groups), default=0)
    shown = groups if not report.fold or len(groups) <= _MAX_ROWS else groups[: _MAX_ROWS - 1]
    own_row = [group for group in report.groups if any(group is each for each in shown)]
    rest = [group for group in groups if not any(group is each for each in own_row)]
    folded = [_row(group, most, group.path) for group in own_row]
    if rest:
        folded.append(_row(_sum(rest), most, f"{units.count(len(rest))} more"))
    total = _row(_sum(report.groups), 0, "total")
    return Table(
        name="changes",
        columns=_COLUMNS,
        rows=tuple(_row(group, most, group.path) for group in report.groups),
        folded=tuple(folded),
        footer=(Row(cells=total.cells, style="bold"),),
    )


def _changes(group: DiffGroup) -> int:
    return group.added + group.removed + group.changed + group.renamed


def _sum(groups: Sequence[DiffGroup]) -> DiffGroup:
    numbers = ("added", "removed", "changed", "renamed", "same")
    sizes = ("old_elements", "new_elements", "old_bytes", "new_bytes")
    return DiffGroup(
        path="", **{key: sum(getattr(each, key) for each in groups) for key in (*numbers, *sizes)}
    )


def _row(group: DiffGroup, most: int, name: str) -> Row:
    counts = [getattr(group, key) for key, _ in _KINDS]
    return Row(
        cells=(
            cell(group.path, name or "(tensors of its own)"),
            *(cell(count, units.count(count) if count else "-") for count in counts),
            cell(group.same, units.count(group.same) if group.same else "-"),
            cell(group.old_elements, units.count(group.old_elements)),
            cell(group.new_elements, units.count(group.new_elements)),
            cell(group.old_bytes, units.size(group.old_bytes)),
            cell(group.new_bytes, units.size(group.new_bytes)),
            cell(None, _bar(counts, most)),
        )
    )


def _bar(counts: Sequence[int], most: int) -> str:
    """Format counts as a bar, with at least one character for every nonzero count."""
    if not most:
        return ""
    room = min(most, _BAR)
    return "".join(
        mark * max(1, round(room * count / most))
        for count, (_, mark) in zip(counts, _KINDS, strict=True)
        if count
    )
