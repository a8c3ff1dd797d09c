"""Computation of the `params` report of a model."""

from __future__ import annotations

from netinspect.analysis.header import build_header
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection
from netinspect.analysis.totals import first_names, ties, totals
from netinspect.errors import SavedTraceError
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.trace import Trace
from netinspect.reports.params.record import Parameters, TensorRow

ROW_KEYS: RowKeys[TensorRow] = RowKeys(
    path=lambda row: row.name,
    numbers={"elements": lambda row: row.elements, "bytes": lambda row: row.bytes},
)


def list_parameters(
    trace: Trace,
    selection: Selection = ALL_ROWS,
    *,
    buffers: bool = False,
    statistics: bool = False,
    values: bool = False,
) -> Parameters:
    """List the named tensors of a trace.

    Args:
        trace: The trace.
        selection: Rows to show; their own order is that of registration.
        buffers: Whether to list the buffers after the parameters.
        statistics: Whether to show statistics, which the trace must contain.
        values: Whether to show values, which the trace must contain.

    Raises:
        UsageError: There is no such sort key, or `top` is negative.
        SavedTraceError: The trace contains no values or statistics.
    """
    tensors: list[Parameter | Buffer] = [*trace.parameters]
    if buffers:
        tensors += trace.buffers
    if values and tensors and all(tensor.values is None for tensor in tensors):
        raise SavedTraceError(
            f"the trace of {trace.target} holds no values",
            hint="values are kept by: netinspect params TARGET --values --save FILE",
        )
    if statistics and tensors and not any(tensor.statistics or tensor.not_read for tensor in tensors):
        raise SavedTraceError(
            f"the trace of {trace.target} holds no statistics",
            hint="they are kept by: netinspect params TARGET --stats --save FILE",
        )
    everything: list[Parameter | Buffer] = [*trace.parameters, *trace.buffers]
    first = first_names(everything)
    names: dict[int, list[str]] = {}
    for tensor in everything:
        names.setdefault(tensor.identity, []).append(tensor.name)
    rows = [
        TensorRow(
            name=tensor.name,
            kind="parameter" if isinstance(tensor, Parameter) else "buffer",
            spec=tensor.spec,
            elements=tensor.spec.elements,
            trainable=isinstance(tensor, Parameter) and tensor.trainable,
            persistent=isinstance(tensor, Parameter) or tensor.persistent,
            counted=first[tensor.identity] == tensor.name,
            tied_to=tuple(name for name in names[tensor.identity] if name != tensor.name),
            statistics=tensor.statistics if statistics else None,
            values=tensor.values if values else None,
            not_read=tensor.not_read if statistics else "",
            shared_bytes=tensor.shared_bytes,
        )
        for tensor in tensors
    ]
    shown, hidden = selection.apply(rows, ROW_KEYS)
    return Parameters(
        header=build_header(trace),
        rows=shown,
        hidden=len(hidden),
        totals=totals(trace),
        ties=ties(trace),
        with_statistics=statistics,
        with_values=values,
    )
