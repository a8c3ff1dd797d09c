"""Computation of the `params` report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from netinspect.analysis.header import header_and_totals
from netinspect.analysis.named_tensors import named_tensors
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection
from netinspect.analysis.tensor_repeats import mark_repeats
from netinspect.analysis.value_anomalies import find_anomalies, severity
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


def _statistic(name: str) -> Callable[[NamedTensor], float]:
    """Return the sort key of a field of `Statistics`; tensors without it come last."""

    def number(row: NamedTensor) -> float:
        found = None if row.statistics is None else getattr(row.statistics, name)
        return -math.inf if found is None else found

    return number


_STATISTICS_KEYS = {
    name: _statistic(name) for name in ("mean", "std", "min", "max", "zeros", "nan", "inf")
}


def with_statistics(keys: RowKeys[NamedTensor]) -> RowKeys[NamedTensor]:
    """Add the sort keys of a table with statistics."""
    return replace(keys, numbers={**keys.numbers, **_STATISTICS_KEYS})


STATISTICS_ROW_KEYS = with_statistics(ROW_KEYS)
STORED_STATISTICS_ROW_KEYS = with_statistics(STORED_ROW_KEYS)


def _offset(row: NamedTensor) -> int:
    return row.stored.offset if row.stored is not None and row.stored.offset is not None else -1


class ReadValues(NamedTuple):
    """Values that were read from a checkpoint."""

    summaries: Mapping[int, ValueSummary]
    """The summary of each tensor that was read, by its index in the checkpoint."""

    findings: Sequence[Finding]
    """Anomalies among these tensors."""


def matching_indices(checkpoint: Checkpoint, selection: Selection) -> list[int]:
    """Return the indices of the tensors that the filters of a selection let through."""
    rows = selection.matching(named_tensors(checkpoint), STORED_ROW_KEYS)
    return [row.stored.index for row in rows if row.stored is not None]


def list_tensors(
    source: Trace | Checkpoint,
    selection: Selection = ALL_ROWS,
    *,
    buffers: bool = False,
    statistics: bool = False,
    values: bool = False,
    fold: bool = True,
    read: ReadValues | None = None,
) -> Parameters:
    """List the named tensors of a model or a checkpoint.

    Args:
        source: The trace or checkpoint.
        selection: Rows to show; the default order is that of registration, or of the file. With
            statistics, tensors with anomalies come first.
        buffers: Whether to list the buffers of a model after its parameters.
        statistics: Whether to show statistics, which the trace must contain.
        values: Whether to show values, which the trace must contain.
        fold: Whether people see identical tensors of repeated blocks as one row, unless the list is
            sorted or limited, or shows statistics or values.
        read: Values of a checkpoint: of the tensors of `matching_indices`.

    Raises:
        UsageError: There is no such sort key, or `top` is negative.
        SavedTraceError: The trace contains no values or statistics.
    """
    rows = named_tensors(source)
    keys = ROW_KEYS
    findings: list[Finding] = []
    skipped = 0
    if isinstance(source, Trace):
        listed = tuple(row for row in rows if buffers or row.kind == "parameter")
        _require_values(listed, source.target, statistics=statistics, values=values)
        if statistics:
            findings = find_anomalies(rows)
        rows = tuple(_hide_values(row, statistics=statistics, values=values) for row in listed)
    else:
        keys, values = STORED_ROW_KEYS, False
        statistics = read is not None
        if read is not None:
            rows = tuple(_with_values(row, read.summaries) for row in rows)
            large = [each for each in find_anomalies(rows) if each.kind == "large"]
            findings = sorted([*large, *read.findings], key=lambda each: each.kind != "not finite")
            skipped = len(rows) - len(read.summaries)
    if statistics:
        keys = replace(with_statistics(keys), severity=severity)
    shown, hidden = selection.apply(rows, keys)
    fold = fold and not (selection.is_list or statistics or values)
    if fold:
        shown = mark_repeats(shown)
    header, totals, ties = header_and_totals(source)
    return Parameters(
        header=header,
        rows=shown,
        hidden=len(hidden),
        totals=totals,
        ties=ties,
        with_statistics=statistics,
        with_values=values,
        fold=fold,
        findings=tuple(findings),
        skipped=skipped,
        hidden_elements=sum(row.counted_elements for row in hidden),
        hidden_bytes=sum(row.counted_bytes for row in hidden),
    )


def _with_values(row: NamedTensor, summaries: Mapping[int, ValueSummary]) -> NamedTensor:
    found = None if row.stored is None else summaries.get(row.stored.index)
    if found is None:
        return row
    return replace(
        row,
        statistics=found.statistics,
        distribution=found.distribution,
        constant=found.constant,
        not_read=found.not_read,
    )


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
        row = replace(row, statistics=None, distribution=None, not_read="")
    return row if values or row.values is None else replace(row, values=None)
