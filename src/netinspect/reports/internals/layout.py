"""Layout of the `internals` report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.modules import Attribute
from netinspect.rendering import format_values
from netinspect.rendering.document import Column, Document, Line, Row, Table, Value, line, make_table
from netinspect.reports.internals.record import CallStage, DictionaryEntry, Internals


class _Held(NamedTuple):
    """One row of the first table."""

    attribute: str
    holds: Value
    entry: str | None = None
    is_first: bool = True
    """Whether it is the first row of its attribute."""

    is_dim: bool = False


def _short_place(place: str) -> str:
    """Shorten the file of `file:line`; return other texts unchanged."""
    file, colon, rest = place.rpartition(":")
    if colon and rest[:1].isdigit() and os.sep in file:
        return f"{format_values.short_path(file)}:{rest}"
    return place


_OF_HOOKS = ("hooks", "hooks_with_kwargs", "hooks_always_called")
"""Ends of the names of dictionaries that contain hooks."""

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
        style=lambda held: "" if held.entry is None else "name",
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
        link=lambda each: each.defined_at,
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
            _contents(_held(report), _contents(_held(report, folds=True)).rows),
            make_table("own attributes", _OWN_COLUMNS, report.attributes),
            make_table(
                "call order",
                _CALL_COLUMNS,
                report.call_order,
                style=lambda each: "hint" if each.library else "",
            ),
        ),
        notes=(*_empty(report), line((f"class: {bases}", "hint"))),
    )


def _contents(held: Iterable[_Held], folded: Sequence[Row] | None = None) -> Table:
    return make_table(
        "contents",
        _COLUMNS,
        held,
        style=lambda each: "hint" if each.is_dim else "",
        folded=folded,
    )


def _held(report: Internals, *, folds: bool = False) -> Iterator[_Held]:
    """Yield the rows of the first table.

    Args:
        report: The report.
        folds: Whether to leave out empty dictionaries, and to show identical submodules, and torch's
            hooks in a dictionary, in one row.
    """
    yield _Held("training", report.training)
    for dictionary in report.dictionaries:
        if not dictionary.entries and not folds:
            yield _Held(dictionary.name, "{}", is_dim=True)
        torchs = [entry.key for entry in dictionary.entries if entry.library and folds]
        own = [entry for entry in dictionary.entries if not (entry.library and folds)]
        shown = [entry for entry in own if not (folds and entry.repeat_of is not None)]
        for index, entry in enumerate(shown):
            names = _run_name(entry, own) if folds else entry.key
            yield _Held(dictionary.name, entry.text, names, index == 0, is_dim=entry.library)
        if torchs:
            text = f"{units.plural(len(torchs), 'hook')} of torch: {', '.join(torchs)}"
            yield _Held(dictionary.name, text, None, not own, is_dim=True)


def _run_name(entry: DictionaryEntry, entries: Sequence[DictionaryEntry]) -> str:
    """Format the key of an entry and of those that are identical to it: `0..11  x12`."""
    later = [each.key for each in entries if each.repeat_of == entry.key]
    return units.run_name(entry.key, later[-1] if later else entry.key, 1 + len(later))


def _empty(report: Internals) -> Iterator[Line]:
    """Yield the line on empty dictionaries."""
    empty = [each.name for each in report.dictionaries if not each.entries]
    names = [name for name in empty if not name.endswith(_OF_HOOKS)]
    if hooks := len(empty) - len(names):
        names.append(units.plural(hooks, "dictionary of hooks", "dictionaries of hooks"))
    if names:
        yield line((f"empty: {', '.join(names)}", "hint"))
