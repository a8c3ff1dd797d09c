"""Computation of the `params` report."""

from __future__ import annotations

from collections.abc import Sequence

from netinspect.analysis.header import header_and_totals
from netinspect.analysis.named_tensors import named_tensors
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection
from netinspect.errors import SavedTraceError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.distribution import Finding, ValueSummary
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.trace import Trace
from netinspect.reports.params.record import Parameters

ROW_KEYS: RowKeys[NamedTensor] = RowKeys(
    path=lambda row: row.name,
    numbers={"elements": lambda row: row.elements, "bytes": lambda row: row.bytes},
)
STORED_ROW_KEYS: RowKeys[NamedTensor] = replace(
    ROW_KEYS,
    # Sorted by ascending offset; unknown offsets come first.
    numbers={**ROW_KEYS.numbers, "offset": lambda row: -_offset(row)},
)


def _offset(row: NamedTensor) -> int:
    return row.stored.offset if row.stored is not None and row.stored.offset is not None else -1


def list_tensors(
    source: Trace | Checkpoint,
    selection: Selection = ALL_ROWS,
    *,
    buffers: bool = False,
    statistics: bool = False,
    values: bool = False,
) -> Parameters:
    """List the named tensors of a model or a checkpoint.

    Args:
        source: The trace or checkpoint. The statistics of a checkpoint are added by `with_statistics`.
        selection: Rows to show; the default order is that of registration, or of the file.
        buffers: Whether to list the buffers of a model after its parameters.
        statistics: Whether to show statistics, which the trace must contain.
        values: Whether to show values, which the trace must contain.

    Raises:
        UsageError: There is no such sort key, or `top` is negative.
        SavedTraceError: The trace contains no values or statistics.
    """
    rows = named_tensors(source)
    keys = STORED_ROW_KEYS
    if isinstance(source, Trace):
        keys = ROW_KEYS
        rows = tuple(row for row in rows if buffers or row.kind == "parameter")
        _require_values(rows, source.target, statistics=statistics, values=values)
        rows = tuple(_hide_values(row, statistics=statistics, values=values) for row in rows)
    shown, hidden = selection.apply(rows, keys)
    header, totals, ties = header_and_totals(source)
    return Parameters(
        header=header,
        rows=shown,
        hidden=len(hidden),
        totals=totals,
        ties=ties,
        with_statistics=statistics and keys is ROW_KEYS,
        with_values=values and keys is ROW_KEYS,
    )


def with_statistics(
    report: Parameters, summaries: Sequence[ValueSummary], findings: Sequence[Finding]
) -> Parameters:
    """Add the statistics of a checkpoint's values.

    Args:
        report: The report of the checkpoint.
        summaries: One summary for each row.
        findings: Anomalies in the values.
    """
    rows = tuple(
        replace(
            row,
            statistics=summary.statistics,
            distribution=summary.distribution,
            constant=summary.constant,
            not_read=summary.not_read,
        )
        for row, summary in zip(report.rows, summaries, strict=True)
    )
    return replace(report, rows=rows, with_statistics=True, findings=tuple(findings))


def _require_values(rows: Sequence[NamedTensor], target: str, *, statistics: bool, values: bool) -> None:
    if values and rows and all(row.values is None for row in rows):
        raise SavedTraceError(
            f"the trace of {target} contains no values",
            hint="save it again with: netinspect params TARGET --values --save FILE",
        )
    if statistics and rows and not any(row.statistics or row.not_read for row in rows):
        raise SavedTraceError(
            f"the trace of {target} contains no statistics",
            hint="save it again with: netinspect params TARGET --stats --save FILE",
        )


def _hide_values(row: NamedTensor, *, statistics: bool, values: bool) -> NamedTensor:
    """Return a row without the statistics or values that were not requested."""
    if not statistics and (row.statistics is not None or row.not_read):
        row = replace(row, statistics=None, not_read="")
    return row if values or row.values is None else replace(row, values=None)
