"""Layout of the `internals` report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect.records.modules import Attribute
from netinspect.rendering import format_values
from netinspect.rendering.document import Column, Document, Value, line, make_table
from netinspect.reports.internals.record import CallStage, Internals


class _Held(NamedTuple):
    """One row of the first table."""

    attribute: str
    holds: Value
    entry: str | None = None
    is_first: bool = True
    """Whether it is the first row of its attribute."""

    is_empty: bool = False


def _short_place(place: str) -> str:
    """Shorten the file of `file:line`; return other texts unchanged."""
    file, colon, rest = place.rpartition(":")
    if colon and rest[:1].isdigit() and "/" in file:
        return f"{format_values.short_path(file)}:{rest}"
    return place


_COLUMNS: tuple[Column[_Held], ...] = (
    Column(
        key="attribute",
        value=lambda held: held.attribute,
        text=lambda held: held.attribute if held.is_first else "",
    ),
    Column(
        key="entry",
        value=lambda held: held.entry,
        text=lambda held: held.entry or "",
        style=lambda held: "" if held.entry is None else "bold",
        min_width=12,
        elide="middle",
    ),
    Column(
        key="holds",
        value=lambda held: held.holds,
        text=lambda held: _short_place(str(held.holds)),
        min_width=20,
    ),
)
_CALL_COLUMNS: tuple[Column[CallStage], ...] = (
    Column(key="stage", value=lambda each: each.stage),
    Column(key="name", value=lambda each: each.name, min_width=14, elide="middle"),
    Column(
        key="defined_at",
        value=lambda each: each.defined_at,
        text=lambda each: "-" if each.defined_at is None else _short_place(each.defined_at),
        drop=1,
        min_width=14,
        elide="middle",
    ),
)
_OWN_COLUMNS: tuple[Column[Attribute], ...] = (
    Column(key="attribute", value=lambda each: each.name, min_width=12),
    Column(key="type", value=lambda each: each.type, drop=1),
    Column(key="value", value=lambda each: each.text, min_width=20),
)


def lay_out(report: Internals) -> Document:
    """Lay out the contents of one module and the order of its `__call__`."""
    bases = " -> ".join((report.class_path, *report.bases, "nn.Module"))
    return Document(
        title=format_values.title(report.header, path=report.path),
        blocks=(
            make_table(
                "contents",
                _COLUMNS,
                _held(report),
                style=lambda held: "dim" if held.is_empty else "",
            ),
            make_table("own attributes", _OWN_COLUMNS, report.attributes),
            make_table("call order", _CALL_COLUMNS, report.call_order),
        ),
        notes=(line((f"class: {bases}", "dim")),),
    )


def _held(report: Internals) -> Iterator[_Held]:
    yield _Held("training", report.training)
    for dictionary in report.dictionaries:
        if not dictionary.entries:
            yield _Held(dictionary.name, "{}", is_empty=True)
        for index, entry in enumerate(dictionary.entries):
            yield _Held(dictionary.name, entry.text, entry.key, is_first=index == 0)
