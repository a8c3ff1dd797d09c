"""The view of `params` on a checkpoint."""

from __future__ import annotations

from dataclasses import replace

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.rendering.bars import bars
from netinspect.rendering.document import Cell, Column, Document, Row, Table, cell, line
from netinspect.reports.params.checkpoint_record import CheckpointTensors, StoredRow
from netinspect.reports.shared import checkpoint_header
from netinspect.reports.shared.named_tensors import COLUMNS, STATISTICS, footer, statistics_cells
from netinspect.reports.shared.value_notes import value_notes

_COLUMNS = (
    *COLUMNS,
    Column(key="kind", drop=2),
    Column(key="file", drop=10, least=18, elide="middle"),
    Column(key="position", title="at byte", align="right", drop=9),
    Column(key="storage", align="right", shown=False),
    Column(key="sharing", align="right", drop=3),
    Column(key="storage_bytes", title="of storage", align="right", drop=5),
    Column(key="stride", drop=7),
    Column(key="layout", drop=7),
    Column(key="member", shown=False),
    Column(key="section", shown=False),
    Column(key="pieces", align="right", drop=6),
)
_STATISTICS = (
    *STATISTICS[:-1],
    Column(key="inf", title="Inf", align="right", drop=3),
    Column(key="q01", title="1 %", align="right", drop=12),
    Column(key="q25", title="25 %", align="right", drop=13),
    Column(key="median", align="right", drop=11),
    Column(key="q75", title="75 %", align="right", drop=13),
    Column(key="q99", title="99 %", align="right", drop=12),
    Column(key="bars", title="1 % to 99 %", drop=4),
    Column(key="not_read", shown=False),
)


def lay_out(report: CheckpointTensors) -> Document:
    """Lay the tensors of a checkpoint out."""
    notes = checkpoint_header.total_notes(report.totals, report.ties)
    if report.hidden:
        notes.append(line(f"{units.plural(report.hidden, 'tensor')} not shown"))
    if report.with_statistics:
        notes += value_notes(report)
    columns = _columns(report)
    table = Table(
        name="tensors",
        columns=columns,
        rows=tuple(
            Row(cells=_cells(row) + (_values(row) if report.with_statistics else ()), style=_style(row))
            for row in report.rows
        ),
        footer=footer(
            ((row.elements, row.bytes - row.shared_bytes) for row in report.rows if row.counted),
            columns,
            hidden=report.hidden,
        ),
    )
    return Document(
        title=checkpoint_header.title(report.header),
        blocks=(table,),
        notes=(*notes, *checkpoint_header.remarks(report.header)),
    )


def _columns(report: CheckpointTensors) -> tuple[Column, ...]:
    """The columns; people are not shown one that states the same everywhere, programs count on it."""
    idle = {
        "trainable": all(row.trainable is None for row in report.rows),
        "tied_to": not any(row.tied_to for row in report.rows),
        "kind": all(row.kind == "tensor" for row in report.rows),
        "file": len(report.header.files) == 1,
        "position": all(row.position is None for row in report.rows),
        "sharing": all(row.sharing == 1 or row.tied_to for row in report.rows),
        "storage_bytes": all(row.storage_bytes == row.bytes for row in report.rows),
        "stride": all(row.stride is None for row in report.rows),
        "pieces": all(len(row.pieces) < 2 for row in report.rows),
        "layout": all(row.layout == "strided" for row in report.rows),
    }
    columns: tuple[Column, ...] = _COLUMNS
    if report.with_statistics:
        # Rather no shapes than names that cannot be reported apart.
        columns = (_COLUMNS[0], replace(_COLUMNS[1], drop=1), *_COLUMNS[2:], *_STATISTICS)
    return tuple(replace(column, shown=False) if idle.get(column.key) else column for column in columns)


def _cells(row: StoredRow) -> tuple[Cell, ...]:
    trainable = None if row.trainable is None else "yes" if row.trainable else "no"
    stride = None if row.stride is None else format_values.shape(row.stride)
    return (
        cell(row.name, units.name(row.name), style=_style(row) or "bold"),
        cell(format_values.shape(row.shape)),
        cell(row.dtype),
        cell(row.elements, units.count(row.elements)),
        cell(row.bytes, units.size(row.bytes)),
        cell(row.trainable, trainable or "-"),
        cell(",".join(row.tied_to), ", ".join(map(units.name, row.tied_to)) or "-"),
        cell(row.kind),
        cell(row.file),
        cell(row.position, "-" if row.position is None else units.count(row.position)),
        cell(row.storage),
        cell(row.sharing),
        cell(row.storage_bytes, units.size(row.storage_bytes)),
        cell(stride),
        cell(row.layout),
        cell(row.member),
        cell(row.section),
        cell(max(1, len(row.pieces))),
    )


def _style(row: StoredRow) -> str:
    found = row.statistics
    return "bold red" if found is not None and (found.nan or found.inf) else ""


def _values(row: StoredRow) -> tuple[Cell, ...]:
    spread = row.distribution
    quantiles = (
        (spread.q01, spread.q25, spread.median, spread.q75, spread.q99) if spread else (None,) * 5
    )
    shares = ",".join(str(each) for each in spread.bars) if spread else ""
    return (
        *statistics_cells(row.statistics),
        *(cell(number, units.decimal(number)) for number in quantiles),
        cell(shares or None, bars(spread.bars) if spread and spread.bars else "-"),
        cell(row.not_read or None),
    )
