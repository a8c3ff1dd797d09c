"""Layout of the `globals` report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from netinspect._utils import units
from netinspect.records.pickles import UnexaminedPart
from netinspect.rendering.columns import count_column, name_column
from netinspect.rendering.document import (
    Cell,
    Column,
    Document,
    Line,
    Row,
    Table,
    cell,
    line,
    make_row,
    make_table,
)
from netinspect.rendering.styles import StyleName
from netinspect.reports.globals.record import GlobalRow, Globals
from netinspect.reports.shared.checkpoint_header import remarks, title

_MARKED: StyleName = "warning"
_SCRIPT = "__torch__."
"""Prefix of TorchScript classes, whose code is in the archive itself."""

_LISTED = 30
"""Maximum number of unexamined parts shown; a folder may have thousands."""


def lay_out(report: Globals) -> Document:
    """Lay out the names that loading would import; those that tensors do not need are highlighted."""
    return Document(
        title=title(report.header),
        blocks=(_table(report),),
        notes=tuple(_notes(report)),
    )


def _columns(report: Globals) -> tuple[Column[GlobalRow], ...]:
    several_files = len({row.file for row in report.rows}) > 1
    return (
        name_column(
            "global",
            lambda row: row.name,
            style=lambda row: _style(row) or "name",
            min_width=24,
        ),
        Column(
            key="verdict",
            value=lambda row: row.verdict,
            text=lambda row: "NOT NEEDED" if row.verdict == "other" else "needed",
            style=_style,
        ),
        count_column("calls", lambda row: row.uses),
        Column(
            key="arguments",
            value=lambda row: row.arguments,
            text=lambda row: row.arguments or "-",
            min_width=16,
            drop=2 if several_files else 1,
        ),
        Column(
            key="file",
            value=lambda row: row.file,
            min_width=16,
            elide="middle",
            drop=1,
            shown=several_files,
        ),
        Column(
            key="member",
            value=lambda row: row.member,
            text=lambda row: row.member or "-",
            min_width=16,
            elide="middle",
            drop=3,
            hide_if_all=lambda row: not row.member,
        ),
        count_column("offset", lambda row: row.offset, drop=4),
    )


def _style(row: GlobalRow) -> StyleName:
    return _MARKED if row.verdict == "other" else ""


def _table(report: Globals) -> Table:
    """Return the table of names; when folded, equal calls in several pickles have one row."""
    columns = _columns(report)
    groups: dict[object, list[GlobalRow]] = {}
    for row in report.rows:
        is_class = row.verdict == "needed" and row.name.startswith(_SCRIPT)
        groups.setdefault((_SCRIPT if is_class else row.name, row.arguments), []).append(row)
    folded = None
    if len(groups) < len(report.rows):
        folded = [_folded(columns, rows) for rows in groups.values()]
    return make_table("globals", columns, report.rows, folded=folded)


def _folded(columns: Sequence[Column[GlobalRow]], rows: list[GlobalRow]) -> Row:
    first = rows[0]
    cells: dict[str, Cell | str] = {column.key: column.make_cell(first) for column in columns}
    if len(rows) == 1:
        return make_row(columns, cells)
    names = len({row.name for row in rows})
    files, members = (len({getattr(row, key) for row in rows}) for key in ("file", "member"))
    name = f"{_SCRIPT}* ({units.plural(names, 'class', 'classes')})" if names > 1 else first.name
    cells["global"] = cell(name, style=_style(first) or "name")
    cells["calls"] = cell(sum(row.uses for row in rows))
    cells["offset"] = "-"
    if files > 1:
        cells["file"] = units.plural(files, "file")
    if members > 1:
        cells["member"] = units.plural(members, "member")
    return make_row(columns, cells)


def _notes(report: Globals) -> list[Line]:
    if report.pickles:
        count = units.plural(len(report.rows), "name")
        pickles = units.plural(report.pickles, "pickle")
        needed = f"{units.count(report.others)} of them not needed for tensors"
        notes = [line((f"{count} in {pickles}, {needed}", "total"))]
        notes.append(line("nothing was executed; what these names would do was not examined"))
    elif report.complete:
        notes = [line(("no pickle found: loading imports and calls nothing", "total"))]
    else:
        notes = [line(("no pickle found; code that other loaders would run was not examined", "total"))]
    notes += remarks(report.header)
    notes += [line((f"not examined: {_text(part)}", _MARKED)) for part in report.unexamined[:_LISTED]]
    if len(report.unexamined) > _LISTED:
        more = len(report.unexamined) - _LISTED
        notes.append(line((f"not examined: {more:,} more, listed by --format json", _MARKED)))
    if kinds := _kinds(report):
        notes.append(line((f"examined: {kinds}", "hint")))
    return notes


def _text(part: UnexaminedPart) -> str:
    where = f"{part.file}: {part.member}" if part.member else part.file
    return f"{where}: {part.reason}"


def _kinds(report: Globals) -> str:
    """Format the kinds of examined parts, with counts."""
    counts: Counter[str] = Counter()
    for part in report.examined:
        counts[part.kind] += part.count
    return ", ".join(f"{kind} ({count:,})" for kind, count in counts.most_common())
