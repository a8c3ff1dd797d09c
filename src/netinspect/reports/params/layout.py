"""The view of `params`."""

from __future__ import annotations

from dataclasses import replace

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.rendering.document import (
    Block,
    Cell,
    Column,
    Document,
    Line,
    Lines,
    Row,
    Table,
    cell,
    line,
)
from netinspect.reports.params.record import Parameters, TensorRow
from netinspect.reports.shared.named_tensors import COLUMNS, STATISTICS, footer, statistics_cells

_BUFFER_COLUMNS = (
    Column(key="kind", drop=2),
    Column(key="persistent", drop=7),
)
_LAYOUT = Column(key="layout", drop=5, least=24, elide="end")
_NOT_READ = Column(key="not_read", shown=False)
_NAMED = 3
"""Tensors without values that a note names."""


def lay_out(report: Parameters) -> Document:
    """Lay the named tensors out: a table, or each tensor's values under its name."""
    has_buffers = any(row.kind == "buffer" for row in report.rows)
    columns = [*COLUMNS]
    if has_buffers:
        columns += _BUFFER_COLUMNS
    if not any(row.tied_to for row in report.rows):
        # Where nothing is tied, people need no empty column; programs count on it.
        columns[6] = Column(key="tied_to", shown=False)
    if report.with_statistics:
        columns += (*STATISTICS, _NOT_READ)
    # Last, so that those who count the columns of a CSV find the others where they were.
    columns.append(replace(_LAYOUT, shown=any(row.spec.layout is not None for row in report.rows)))
    table = Table(
        name="parameters and buffers" if has_buffers else "parameters",
        columns=tuple(columns),
        rows=tuple(
            Row(cells=tuple(_cells(row, has_buffers, report.with_statistics)), style=_style(row))
            for row in report.rows
        ),
        footer=footer(
            ((row.elements, row.spec.bytes - row.shared_bytes) for row in report.rows if row.counted),
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


def _style(row: TensorRow) -> str:
    found = row.statistics
    return "bold red" if found is not None and (found.nan or found.inf) else ""


def _cells(row: TensorRow, has_buffers: bool, with_statistics: bool) -> list[Cell]:
    cells = [
        cell(row.name, style=_style(row) or "bold"),
        cell(format_values.shape(row.spec.shape)),
        cell(row.spec.dtype),
        cell(row.elements, units.count(row.elements)),
        cell(row.spec.bytes, units.size(row.spec.bytes)),
        cell(
            row.trainable if row.kind == "parameter" else None,
            ("yes" if row.trainable else "no") if row.kind == "parameter" else "-",
        ),
        cell(",".join(row.tied_to), ", ".join(row.tied_to) or "-"),
    ]
    if has_buffers:
        cells += [
            cell(row.kind),
            cell(
                row.persistent,
                ("yes" if row.persistent else "no") if row.kind == "buffer" else "-",
            ),
        ]
    if with_statistics:
        cells += (*statistics_cells(row.statistics), cell(row.not_read or None))
    cells.append(cell(format_values.layout(row.spec)))
    return cells
