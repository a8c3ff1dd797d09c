"""Layout of the `params` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.named_tensors import NamedTensor
from netinspect.rendering.document import (
    Block,
    Column,
    Document,
    Lines,
    hide_columns,
    line,
    make_table,
)
from netinspect.reports.params.columns import (
    CHECKPOINT_COLUMNS,
    COLUMNS,
    DISTRIBUTION,
    LAYOUT,
    MODEL_COLUMNS,
    NOT_READ,
    STATISTICS,
    footer,
    style,
)
from netinspect.reports.params.record import Parameters
from netinspect.reports.params.value_notes import value_notes
from netinspect.reports.shared import header as shared_header

_NAME_WITH_STATISTICS = 34


def lay_out(report: Parameters) -> Document:
    """Lay out the named tensors: a table, or the values of each tensor under its name."""
    is_model = report.header.kind == "model"
    has_buffers = any(row.kind == "buffer" for row in report.rows)
    columns = _model_columns(report, has_buffers) if is_model else _checkpoint_columns(report)
    if report.with_statistics:
        # Bars and long names would take the width of statistics.
        columns = tuple(replace(each, bar=None) for each in columns)
        columns = (replace(columns[0], min_width=_NAME_WITH_STATISTICS), *columns[1:])
    kinds = ("parameters and buffers" if has_buffers else "parameters") if is_model else "tensors"
    table = make_table(
        kinds,
        columns,
        report.rows,
        style=style,
        folded=[row for row in report.rows if row.repeat_of is None] if report.fold else None,
        footer=footer(
            report.rows,
            columns,
            hidden=report.hidden,
            hidden_elements=report.hidden_elements,
            hidden_bytes=report.hidden_bytes,
        ),
    )
    blocks: list[Block] = [table]
    if report.with_values and report.rows:
        blocks = [
            Lines(name=row.name, lines=tuple((row.values or "").splitlines())) for row in report.rows
        ]
    notes = shared_header.total_notes(report.totals, report.ties)
    if report.hidden:
        notes.append(
            line(
                f"{units.plural(report.hidden, 'tensor')} not shown, with "
                f"{units.plural(report.hidden_elements, 'element')}"
            )
        )
    if report.with_statistics:
        notes += value_notes(report)
    notes += shared_header.notes(report.header)
    return Document(title=shared_header.title(report.header), blocks=tuple(blocks), notes=tuple(notes))


def _model_columns(report: Parameters, has_buffers: bool) -> tuple[Column[NamedTensor], ...]:
    columns = [*COLUMNS]
    if has_buffers:
        columns += MODEL_COLUMNS
    if report.with_statistics:
        columns += (*STATISTICS, *DISTRIBUTION, NOT_READ)
    return (*columns, LAYOUT)


def _checkpoint_columns(report: Parameters) -> tuple[Column[NamedTensor], ...]:
    columns = (*COLUMNS, *CHECKPOINT_COLUMNS)
    if report.with_statistics:
        # Drop shapes rather than cut names so short that they no longer differ.
        columns = (columns[0], replace(columns[1], drop=1), *columns[2:])
        columns += (*STATISTICS[:-1], replace(STATISTICS[-1], drop=3), *DISTRIBUTION, NOT_READ)
    is_one_file = isinstance(report.header, CheckpointHeader) and len(report.header.files) == 1
    return hide_columns(columns, ("file",)) if is_one_file else columns
