"""Layout of the `globals` report."""

from __future__ import annotations

from collections import Counter

from netinspect._utils import units
from netinspect.records.pickles import UnexaminedPart
from netinspect.rendering.document import Column, Document, Line, Row, Table, cell, line
from netinspect.reports.globals.record import GlobalRow, Globals

_MARKED = "yellow"
_SCRIPT = "__torch__."
"""Prefix of TorchScript classes, whose code is in the archive itself."""

_LISTED = 30
"""Maximum number of unexamined parts shown; a folder may have thousands."""


def lay_out(report: Globals) -> Document:
    """Lay out the names that loading would import; those that tensors do not need are highlighted."""
    header = report.header
    several = len({row.file for row in report.rows}) > 1
    archived = any(row.member for row in report.rows)
    columns = (
        Column(key="name", title="loading would import", least=24, elide="middle"),
        Column(key="verdict", title="for tensors"),
        Column(key="uses", title="calls", align="right"),
        Column(key="arguments", title="first call with", least=16, drop=2 if several else 1),
        Column(key="file", least=16, elide="middle", drop=1, shown=several),
        Column(key="member", title="in", least=16, elide="middle", drop=3, shown=archived),
        Column(key="position", title="at byte", align="right", drop=4),
    )
    size = units.size(sum(file.bytes for file in header.files))
    return Document(
        title=line((header.target, "bold"), (f"  {header.format}, {size}", "dim")),
        blocks=(_table(report, columns),),
        notes=tuple(_notes(report)),
    )


def _table(report: Globals, columns: tuple[Column, ...]) -> Table:
    """Return the table of names; when folded, a name that several pickles need has one row."""
    rows = tuple(map(_row, report.rows))
    groups: dict[object, list[GlobalRow]] = {}
    for number, row in enumerate(report.rows):
        name = _SCRIPT if row.name.startswith(_SCRIPT) else row.name
        groups.setdefault(name if row.verdict == "needed" else number, []).append(row)
    folded = tuple(map(_folded, groups.values())) if len(groups) < len(rows) else None
    return Table(name="globals", columns=columns, rows=rows, folded=folded)


def _folded(rows: list[GlobalRow]) -> Row:
    first = rows[0]
    if len(rows) == 1:
        return _row(first)
    names = len({row.name for row in rows})
    files, members = (len({getattr(row, key) for row in rows}) for key in ("file", "member"))
    name = f"{_SCRIPT}* ({units.plural(names, 'class', 'classes')})" if names > 1 else first.name
    return Row(
        cells=(
            cell(name, style="bold"),
            cell(first.verdict),
            cell(sum(row.uses for row in rows)),
            cell(None),
            cell(first.file if files == 1 else units.plural(files, "file")),
            cell((first.member or "-") if members == 1 else units.plural(members, "member")),
            cell(None),
        )
    )


def _row(row: GlobalRow) -> Row:
    is_other = row.verdict == "other"
    style = _MARKED if is_other else ""
    return Row(
        cells=(
            cell(row.name, style=f"bold {style}".strip()),
            cell(row.verdict, "NOT NEEDED" if is_other else "needed", style=style),
            cell(row.uses, units.count(row.uses)),
            cell(row.arguments, row.arguments or "-"),
            cell(row.file),
            cell(row.member, row.member or "-"),
            cell(row.position, units.count(row.position)),
        )
    )


def _notes(report: Globals) -> list[Line]:
    if report.pickles:
        count = units.plural(len(report.rows), "name")
        pickles = units.plural(report.pickles, "pickle")
        needed = f"{units.count(report.others)} of them not needed for tensors"
        notes = [line((f"{count} in {pickles}, {needed}", "bold"))]
        notes.append(line("nothing was executed; what these names would do was not examined"))
    elif report.complete:
        notes = [line(("no pickle found: loading imports and calls nothing", "bold"))]
    else:
        notes = [line(("no pickle found; code that other loaders would run was not examined", "bold"))]
    notes += [line((f"PROBLEM: {text}", "bold red")) for text in report.header.problems]
    notes += [line((f"not examined: {_text(part)}", _MARKED)) for part in report.unexamined[:_LISTED]]
    if len(report.unexamined) > _LISTED:
        more = len(report.unexamined) - _LISTED
        notes.append(line((f"not examined: {more:,} more, listed by --format json", _MARKED)))
    notes += [line((f"note: {text}", "yellow")) for text in report.header.warnings]
    if kinds := _kinds(report):
        notes.append(line((f"examined: {kinds}", "dim")))
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
