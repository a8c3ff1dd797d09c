"""The view of `params`."""

from __future__ import annotations

from netinspect import units
from netinspect.records.reports.params import Parameters, TensorRow
from netinspect.render import spell
from netinspect.render.document import (
    Block,
    Cell,
    Column,
    Document,
    Lines,
    Row,
    Table,
    cell,
    line,
)
from netinspect.render.views.named import COLUMNS, STATISTICS, footer, statistics_cells

_BUFFER_COLUMNS = (
    Column(key="kind", title="kind", drop=2),
    Column(key="persistent", title="persistent", drop=7),
)


def view(report: Parameters) -> Document:
    """Lay the named tensors out: a table, or each tensor's values under its name."""
    has_buffers = any(row.kind == "buffer" for row in report.rows)
    columns = [*COLUMNS]
    if has_buffers:
        columns += _BUFFER_COLUMNS
    if not any(row.tied_to for row in report.rows):
        # Where nothing is tied, people need no empty column; programs count on it.
        columns[6] = Column(key="tied_to", title="tied to", shown=False)
    if report.with_statistics:
        columns += STATISTICS
    table = Table(
        name="parameters and buffers" if has_buffers else "parameters",
        columns=tuple(columns),
        rows=tuple(
            Row(cells=tuple(_cells(row, has_buffers, report.with_statistics)), style=_style(row))
            for row in report.rows
        ),
        footer=footer(
            ((row.elements, row.spec.bytes) for row in report.rows if row.counted),
            columns,
            hidden=report.hidden,
        ),
    )
    blocks: list[Block] = [table]
    if report.with_values and report.rows:
        blocks = [
            Lines(name=row.name, lines=tuple((row.values or "").splitlines())) for row in report.rows
        ]
    notes = spell.total_notes(report.totals, report.ties)
    notes += spell.change_notes(report.subject)
    if report.hidden:
        notes.append(line(f"{units.plural(report.hidden, 'tensor')} not shown"))
    if report.with_statistics:
        notes.append(line(("mean, std (n - 1), min, max are over finite values", "dim")))
    return Document(title=spell.title(report.subject), blocks=tuple(blocks), notes=tuple(notes))


def _style(row: TensorRow) -> str:
    found = row.statistics
    return "bold red" if found is not None and (found.nan or found.inf) else ""


def _cells(row: TensorRow, has_buffers: bool, with_statistics: bool) -> list[Cell]:
    cells = [
        cell(row.name, style=_style(row) or "bold"),
        cell(spell.shape(row.spec.shape)),
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
        cells += statistics_cells(row.statistics)
    return cells
