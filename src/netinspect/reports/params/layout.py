"""Layout of the `params` report."""

from __future__ import annotations

from dataclasses import replace

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.rendering.document import (
    Block,
    Column,
    Document,
    Line,
    Lines,
    hide_columns,
    line,
    make_table,
)
from netinspect.reports.params.record import Parameters, TensorRow
from netinspect.reports.shared.named_tensors import COLUMNS, NOT_READ, STATISTICS, footer, style

_BUFFER_COLUMNS: tuple[Column[TensorRow], ...] = (
    Column(key="kind", value=lambda row: row.kind, drop=2),
    Column(
        key="persistent",
        value=lambda row: row.persistent,
        text=lambda row: ("yes" if row.persistent else "no") if row.kind == "buffer" else "-",
        drop=7,
    ),
)
_LAYOUT: Column[TensorRow] = Column(
    key="layout", value=lambda row: format_values.layout(row.spec), drop=5, min_width=24
)
_NAMED = 3
"""Tensors without values that a note names."""


def lay_out(report: Parameters) -> Document:
    """Lay the named tensors out: a table, or each tensor's values under its name."""
    has_buffers = any(row.kind == "buffer" for row in report.rows)
    columns = _columns(report, has_buffers)
    table = make_table(
        "parameters and buffers" if has_buffers else "parameters",
        columns,
        report.rows,
        style=style,
        footer=footer(
            ((row.elements, row.bytes - row.shared_bytes) for row in report.rows if row.counted),
            columns,
            hidden=report.hidden,
        ),
    )
    blocks: list[Block] = [table]
    if report.with_values and report.rows:
        blocks = [
            Lines(name=row.name, lines=tuple((row.values or "").splitlines())) for row in report.rows
        ]
    notes = format_values.total_notes(report.totals, report.ties)
    notes += format_values.change_notes(report.header)
    if report.hidden:
        notes.append(line(f"{units.plural(report.hidden, 'tensor')} not shown"))
    if report.with_statistics:
        notes += _value_notes(report)
    return Document(title=format_values.title(report.header), blocks=tuple(blocks), notes=tuple(notes))


def _columns(report: Parameters, has_buffers: bool) -> tuple[Column[TensorRow], ...]:
    columns: list[Column[TensorRow]] = [*COLUMNS]
    if has_buffers:
        columns += _BUFFER_COLUMNS
    if report.with_statistics:
        columns += (*STATISTICS, NOT_READ)
    has_layouts = any(row.spec.layout is not None for row in report.rows)
    columns.append(replace(_LAYOUT, shown=has_layouts))
    # An empty column is hidden from people; programs always have it.
    is_tied = any(row.tied_to for row in report.rows)
    return hide_columns(columns, () if is_tied else ("tied_to",))


def _value_notes(report: Parameters) -> list[Line]:
    """Describe which tensors have no statistics, and why, and what the columns mean."""
    unread: dict[str, list[str]] = {}
    for row in report.rows:
        if row.not_read:
            unread.setdefault(row.not_read, []).append(row.name)
    notes = [
        line((f"not read ({reason}): {_several(names)}", "yellow")) for reason, names in unread.items()
    ]
    if any(row.statistics is not None and row.spec.dtype.startswith("complex") for row in report.rows):
        notes.append(line(("of complex values only zeros, NaN and infinities are counted", "dim")))
    notes.append(line(("mean, std (n - 1), min, max are over finite values", "dim")))
    return notes


def _several(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {units.count(rest)} more" if rest > 0 else "")
