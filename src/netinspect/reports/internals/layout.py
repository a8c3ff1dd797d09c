"""The view of `internals`."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.rendering import format_values
from netinspect.rendering.document import Cell, Column, Document, Row, Table, cell, line
from netinspect.reports.internals.record import Internals

_COLUMNS = (
    Column(key="attribute", title="attribute"),
    Column(key="key", title="entry", least=12, elide="middle"),
    Column(key="holds", title="holds", least=20),
)
_CALL_COLUMNS = (
    Column(key="stage", title="stage"),
    Column(key="name", title="runs", least=14, elide="middle"),
    Column(key="place", title="defined at", drop=1, least=14, elide="middle"),
)
_OWN_COLUMNS = (
    Column(key="attribute", title="attribute", least=12),
    Column(key="type", title="type", drop=1),
    Column(key="value", title="value", least=20),
)


def lay_out(report: Internals) -> Document:
    """Lay out what one module holds, and the order of its `__call__`."""
    bases = " -> ".join((report.class_path, *report.bases, "nn.Module"))
    return Document(
        title=format_values.title(report.subject, path=report.path),
        blocks=(
            Table(name="what it holds", columns=_COLUMNS, rows=tuple(_held(report))),
            Table(
                name="own attributes",
                columns=_OWN_COLUMNS,
                rows=tuple(
                    Row(cells=(cell(each.name), cell(each.type), cell(each.text)))
                    for each in report.attributes
                ),
            ),
            Table(
                name="what __call__ runs, in order",
                columns=_CALL_COLUMNS,
                rows=tuple(
                    Row(cells=(cell(each.stage), cell(each.name), _place(each.place)))
                    for each in report.call_order
                ),
            ),
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
    # A hook's place is shortened for people.
    file, colon, rest = text.rpartition(":")
    if colon and rest[:1].isdigit() and "/" in file:
        return cell(text, f"{format_values.short_path(file)}:{rest}")
    return cell(text)


def _place(place: str | None) -> Cell:
    if place is None:
        return cell(None)
    file, _, number = place.rpartition(":")
    return cell(place, f"{format_values.short_path(file)}:{number}")
