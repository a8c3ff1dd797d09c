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

_COLUMNS = (
    Column(key="name", title="name", least=34, elide="middle"),
    Column(key="shape", title="shape", least=18),
    Column(key="dtype", title="dtype", drop=6),
    Column(key="size", title="size", align="right"),
    Column(key="bytes", title="bytes", align="right", drop=8),
    Column(key="trainable", title="trainable", drop=4),
    Column(key="tied_to", title="tied to", drop=1, least=24, elide="middle"),
)
_BUFFER_COLUMNS = (
    Column(key="kind", title="kind", drop=2),
    Column(key="persistent", title="persistent", drop=7),
)
_STATISTICS = (
    Column(key="mean", title="mean", align="right"),
    Column(key="std", title="std", align="right"),
    Column(key="min", title="min", align="right", drop=3),
    Column(key="max", title="max", align="right", drop=3),
    Column(key="zeros", title="zeros", align="right", drop=5),
    Column(key="nan", title="NaN", align="right", drop=2),
    Column(key="inf", title="Inf", align="right", drop=2),
)


def view(report: Parameters) -> Document:
    """Lay the named tensors out: a table, or each tensor's values under its name."""
    has_buffers = any(row.kind == "buffer" for row in report.rows)
    columns = [*_COLUMNS]
    if has_buffers:
        columns += _BUFFER_COLUMNS
    if not any(row.tied_to for row in report.rows):
        # Where nothing is tied, people need no empty column; programs count on it.
        columns[6] = Column(key="tied_to", title="tied to", shown=False)
    if report.with_statistics:
        columns += _STATISTICS
    table = Table(
        name="parameters and buffers" if has_buffers else "parameters",
        columns=tuple(columns),
        rows=tuple(
            Row(cells=tuple(_cells(row, has_buffers, report.with_statistics)), style=_style(row))
            for row in report.rows
        ),
        footer=_footer(report, columns),
    )
    blocks: list[Block] = [table]
    if report.with_values and report.rows:
        blocks = [
            Lines(name=row.name, lines=tuple((row.values or "").splitlines())) for row in report.rows
        ]
    notes = spell.total_notes(report.totals, report.ties)
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
        found = row.statistics
        if found is None:
            cells += [cell(None) for _ in _STATISTICS]
        else:
            cells += [
                cell(number, units.decimal(number))
                for number in (found.mean, found.std, found.min, found.max)
            ]
            cells += [
                cell(number, units.count(number)) for number in (found.zeros, found.nan, found.inf)
            ]
    return cells


def _footer(report: Parameters, columns: list[Column]) -> tuple[Row, ...]:
    """The sum of what is listed, each tied tensor once."""
    counted = [row for row in report.rows if row.counted]
    texts = {
        "name": "total" if not report.hidden else "shown",
        "size": units.count(sum(row.elements for row in counted)),
        "bytes": units.size(sum(row.spec.bytes for row in counted)),
    }
    cells = tuple(cell(None, texts.get(column.key, "")) for column in columns)
    return (Row(cells=cells, style="bold"),)
