"""Every named parameter and buffer, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netinspect.analysis.header import build_header
from netinspect.analysis.rows import select_rows
from netinspect.analysis.totals import first_names, ties, totals
from netinspect.errors import SavedTraceError
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.trace import Trace
from netinspect.reports.params.record import Parameters, TensorRow

SORT_KEYS: dict[str, Callable[[TensorRow], tuple[float, str]]] = {
    "size": lambda row: (-row.elements, row.name),
    "bytes": lambda row: (-row.spec.bytes, row.name),
    "name": lambda row: (0, row.name),
}
"""What rows may be sorted by: numbers from the largest, names from the first."""


def list_parameters(
    trace: Trace,
    *,
    buffers: bool = False,
    statistics: bool = False,
    values: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
) -> Parameters:
    """List the named tensors of a trace.

    Args:
        trace: The trace.
        buffers: List the buffers after the parameters.
        statistics: The trace must hold statistics, and they are shown.
        values: The trace must hold values, and they are shown.
        include: Shell patterns; if any, only names that match one are kept.
        exclude: Shell patterns of names to leave out.
        sort: A key of `SORT_KEYS`; None for the order of registration.
        top: Keep only so many rows; None for all.

    Raises:
        UsageError: `sort` is no such key.
        SavedTraceError: Values or statistics were asked of a trace that has none.
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
    kept = select_rows(
        rows,
        lambda row: row.name,
        include=include,
        exclude=exclude,
        keys=SORT_KEYS,
        sort=sort,
        top=top,
    )
    return Parameters(
        header=build_header(trace),
        rows=tuple(kept),
        hidden=len(rows) - len(kept),
        totals=totals(trace),
        ties=ties(trace),
        with_statistics=statistics,
        with_values=values,
    )
