"""Layout of the `internals` report."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.rendering import format_values
from netinspect.rendering.document import Cell, Column, Document, Row, Table, cell, line, make_table
from netinspect.reports.internals.record import Internals

_COLUMNS = (
    Column(key="attribute"),
    Column(key="key", title="entry", least=12, elide="middle"),
    Column(key="holds", least=20),
)
_CALL_COLUMNS = (
    Column(key="stage", value=lambda each: each.stage),
    Column(key="name", title="runs", value=lambda each: each.name, least=14, elide="middle"),
    Column(
        key="place",
        title="defined at",
        value=lambda each: each.place,
        text=lambda each: _short_place(each.place),
        drop=1,
        least=14,
        elide="middle",
    ),
)
_OWN_COLUMNS = (
    Column(key="attribute", value=lambda each: each.name, least=12),
    Column(key="type", value=lambda each: each.type, drop=1),
    Column(key="value", value=lambda each: each.text, least=20),
)


def lay_out(report: Internals) -> Document:
    """Lay out the contents of one module and the order of its `__call__`."""
    bases = " -> ".join((report.class_path, *report.bases, "nn.Module"))
    return Document(
        title=format_values.title(report.header, path=report.path),
        blocks=(
            Table(name="contents", columns=_COLUMNS, rows=tuple(_held(report))),
            make_table("own attributes", _OWN_COLUMNS, report.attributes),
            make_table("call order", _CALL_COLUMNS, report.call_order),
        ),
        notes=(line((f"class: {bases}", "dim")),),
    )


def _held(report: Internals) -> Iterator[Row]:
    yield Row(cells=(cell("training"), cell(None, ""), cell(report.training)), style="")
    for dictionary in report.dictionaries:
        if not dictionary.entries:
            yield Row(cells=(cell(dictionary.name), cell(None, ""), cell("{}")), style="dim")
        for index, entry in enumerate(dictionary.entries):
            name = cell(dictionary.name, dictionary.name if index == 0 else "")
            yield Row(cells=(name, cell(entry.key, style="bold"), _holds(entry.text)))


def _holds(text: str) -> Cell:
    # Shorten the file of a hook for people.
    file, colon, rest = text.rpartition(":")
    if colon and rest[:1].isdigit() and "/" in file:
        return cell(text, f"{format_values.short_path(file)}:{rest}")
    return cell(text)


def _short_place(place: str | None) -> str:
    if place is None:
        return "-"
    file, _, number = place.rpartition(":")
    return f"{format_values.short_path(file)}:{number}"
