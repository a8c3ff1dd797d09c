"""Layout of the `params` report of a checkpoint."""

from __future__ import annotations

from dataclasses import replace

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.rendering.bars import bars
from netinspect.rendering.document import Column, Document, hide_columns, line, make_table
from netinspect.reports.params.checkpoint_record import CheckpointTensors, StoredRow
from netinspect.reports.shared import checkpoint_header
from netinspect.reports.shared.named_tensors import COLUMNS, NOT_READ, STATISTICS, footer, style
from netinspect.reports.shared.value_notes import value_notes

_COLUMNS: tuple[Column[StoredRow], ...] = (
    *COLUMNS,
    Column(key="kind", value=lambda row: row.kind, drop=2),
    Column(key="file", value=lambda row: row.file, drop=10, min_width=18, elide="middle"),
    Column(
        key="offset",
        value=lambda row: row.offset,
        text=lambda row: "-" if row.offset is None else units.count(row.offset),
        align="right",
        drop=9,
    ),
    Column(key="storage", value=lambda row: row.storage, align="right", shown=False),
    Column(key="sharing", value=lambda row: row.sharing, align="right", drop=3),
    Column(
        key="storage_bytes",
        value=lambda row: row.storage_bytes,
        text=lambda row: units.size(row.storage_bytes),
        align="right",
        drop=5,
    ),
    Column(
        key="stride",
        value=lambda row: None if row.stride is None else format_values.shape(row.stride),
        drop=7,
    ),
    Column(key="layout", value=lambda row: row.layout, drop=7),
    Column(key="member", value=lambda row: row.member, shown=False),
    Column(key="section", value=lambda row: row.section, shown=False),
    Column(key="pieces", value=lambda row: max(1, len(row.pieces)), align="right", drop=6),
)


def _quantile(key: str, drop: int) -> Column[StoredRow]:
    """Return the column of a quantile, a field of `Distribution`."""

    def value(row: StoredRow) -> float | None:
        found: float | None = None if row.distribution is None else getattr(row.distribution, key)
        return found

    return Column(
        key=key, value=value, text=lambda row: units.decimal(value(row)), align="right", drop=drop
    )


def _bars(row: StoredRow) -> tuple[int, ...]:
    return row.distribution.bars if row.distribution is not None else ()


_STATISTICS: tuple[Column[StoredRow], ...] = (
    *STATISTICS[:-1],
    replace(STATISTICS[-1], drop=3),
    _quantile("q01", drop=12),
    _quantile("q25", drop=13),
    _quantile("median", drop=11),
    _quantile("q75", drop=13),
    _quantile("q99", drop=12),
    Column(
        key="bars",
        value=lambda row: ",".join(map(str, _bars(row))) or None,
        text=lambda row: bars(_bars(row)) or "-",
        drop=4,
    ),
    NOT_READ,
)


def lay_out(report: CheckpointTensors) -> Document:
    """Return the document with a table of the tensors of a checkpoint."""
    notes = checkpoint_header.total_notes(report.totals, report.ties)
    if report.hidden:
        notes.append(line(f"{units.plural(report.hidden, 'tensor')} not shown"))
    if report.with_statistics:
        notes += value_notes(report)
    columns = _columns(report)
    table = make_table(
        "tensors",
        columns,
        report.rows,
        style=style,
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


def _columns(report: CheckpointTensors) -> tuple[Column[StoredRow], ...]:
    columns = _COLUMNS
    if report.with_statistics:
        # Shapes are dropped before names are cut so short that they no longer differ.
        columns = (_COLUMNS[0], replace(_COLUMNS[1], drop=1), *_COLUMNS[2:], *_STATISTICS)
    return hide_columns(columns, _uniform_columns(report))


def _uniform_columns(report: CheckpointTensors) -> set[str]:
    """Return the keys of columns with the same value everywhere, which people need not see."""
    rows = report.rows
    is_uniform = {
        "trainable": all(row.trainable is None for row in rows),
        "tied_to": not any(row.tied_to for row in rows),
        "kind": all(row.kind == "tensor" for row in rows),
        "file": len(report.header.files) == 1,
        "offset": all(row.offset is None for row in rows),
        "sharing": all(row.sharing == 1 or row.tied_to for row in rows),
        "storage_bytes": all(row.storage_bytes == row.bytes for row in rows),
        "stride": all(row.stride is None for row in rows),
        "pieces": all(len(row.pieces) < 2 for row in rows),
        "layout": all(row.layout == "strided" for row in rows),
    }
    return {key for key, uniform in is_uniform.items() if uniform}
