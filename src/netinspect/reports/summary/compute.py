"""Computation of the `summary` report of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal as OneOf

from netinspect.analysis.header import build_header
from netinspect.analysis.module_index import Structure
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection, refuse_negative
from netinspect.analysis.totals import ties, totals
from netinspect.errors import UsageError, suggestion
from netinspect.records.base import replace
from netinspect.records.modules import DEEPEST
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.records.work import Cost, sum_of
from netinspect.reports.summary.record import RowSum, Sizes, Summary, SummaryRow
from netinspect.reports.summary.rows import build_rows

ROW_KEYS: RowKeys[SummaryRow] = RowKeys(
    path=lambda row: row.path,
    numbers={
        "params": lambda row: row.parameters,
        "share": lambda row: row.parameters,
        "bytes": lambda row: row.bytes,
        "macs": lambda row: row.cost.macs,
        "flops": lambda row: row.cost.flops,
        "activations": lambda row: row.cost.activations,
        "calls": lambda row: row.calls,
        "output": lambda row: sum(spec.elements for spec in tensors_in(row.output)),
    },
    path_key="path",
)
Order = OneOf["definition", "calls"]


def build_summary(
    trace: Trace,
    selection: Selection = ALL_ROWS,
    *,
    depth: int | None = None,
    order: str = "definition",
    functions: bool = False,
    fold: bool = True,
) -> Summary:
    """Build the summary of a trace: the rows of its module tree, or a list of some of them.

    Args:
        trace: The trace.
        selection: Rows to show. A sorted or limited selection is a list, in which rows do not overlap: a
            module that has other rows below it has only what is its own, or no row.
        depth: Deepest level with rows; None for all, up to 128 levels.
        order: `definition` for the order of the constructors, `calls` for that of the calls in forward.
        functions: Whether functions between the layers also have rows, in the order of the calls.
        fold: Whether people see identical siblings as one row.

    Raises:
        UsageError: There is no such order or sort key, or a limit is negative.
    """
    refuse_negative("depth", depth)
    deeper = depth is not None
    depth = DEEPEST if depth is None else min(depth, DEEPEST)
    structure = Structure(trace)
    by_calls = functions or _order(order) == "calls"
    rows = list(build_rows(structure, depth, by_calls=by_calls, functions=functions))
    matching = selection.matching(rows, ROW_KEYS, deeper=deeper)
    listed = _list_rows(matching, rows) if selection.is_list else matching
    shown, _ = selection.apply(listed, ROW_KEYS)
    whole, unused = totals(trace), structure.unused()
    return Summary(
        header=build_header(trace),
        rows=shown,
        hidden=len(rows) - len(matching) + len(listed) - len(shown),
        flat=selection.is_list or len(matching) < len(rows),
        shown=_sum(_covered(rows, matching)) if not selection.is_list else _listed_sum(shown),
        totals=whole,
        ties=ties(trace),
        never_called=structure.never_called(),
        unused=tuple(unused),
        unused_parameters=sum(unused.values()),
        order="calls" if by_calls else "definition",
        functions=functions,
        fold=fold,
        sizes=_sizes(structure),
        cost=cost_of_steps(trace.steps),
        counted=trace.counted,
    )


def _order(name: str) -> Order:
    if name == "calls":
        return "calls"
    if name != "definition":
        known = ("definition", "calls")
        raise UsageError(
            f"there is no order {name!r}", hint=suggestion(name, known) or "one of definition, calls"
        )
    return "definition"


def _list_rows(matching: Sequence[SummaryRow], rows: Sequence[SummaryRow]) -> list[SummaryRow]:
    """Return rows that do not overlap: without the amounts of the rows below them in the list.

    Args:
        matching: The rows to list.
        rows: All rows.
    """
    below = _rows_below(rows)
    identities = set(map(id, matching))
    listed = []
    for at, row in enumerate(rows):
        if id(row) not in identities:
            continue
        itself = any(id(rows[other]) in identities for other in below[at])
        if itself and not row.own_parameters and not _has_cost(row.own_cost):
            continue
        own = _sum([row] if itself else [row, *(rows[other] for other in below[at])])
        listed.append(
            replace(
                row,
                parameters=own.parameters,
                bytes=own.bytes,
                share=row.share * own.parameters / row.parameters if row.parameters else 0.0,
                cost=own.cost,
                itself=itself,
            )
        )
    return listed


def _rows_below(rows: Sequence[SummaryRow]) -> list[range]:
    """Return the positions of the rows below each row.

    Rows are compared by their levels, because a module that is called several times has several rows
    with one path, and may call a module of another branch.
    """
    below = [range(0)] * len(rows)
    open_rows: list[int] = []
    for at in range(len(rows) + 1):
        while open_rows and (at == len(rows) or rows[at].depth <= rows[open_rows[-1]].depth):
            start = open_rows.pop()
            below[start] = range(start + 1, at)
        open_rows.append(at)
    return below


def _has_cost(cost: Cost) -> bool:
    """Return whether a cost has a number that people see in a summary."""
    return bool(cost.macs or cost.flops or cost.activations or cost.uncounted)


def _covered(rows: Sequence[SummaryRow], shown: Sequence[SummaryRow]) -> list[SummaryRow]:
    """Return the rows that are shown or below a row that is shown."""
    identities = set(map(id, shown))
    covered: set[int] = set()
    for at, below in enumerate(_rows_below(rows)):
        if at not in covered and id(rows[at]) in identities:
            covered.update((at, *below))
    return [rows[at] for at in sorted(covered)]


def _listed_sum(rows: Sequence[SummaryRow]) -> RowSum:
    """Return the sum of the rows of a list."""
    return RowSum(
        parameters=sum(row.parameters for row in rows),
        bytes=sum(row.bytes for row in rows),
        cost=sum_of(row.cost for row in rows),
    )


def _sum(rows: Sequence[SummaryRow]) -> RowSum:
    return RowSum(
        parameters=sum(row.own_parameters for row in rows),
        bytes=sum(row.own_bytes for row in rows),
        cost=sum_of(row.own_cost for row in rows),
    )


def _sizes(structure: Structure) -> Sizes | None:
    trace = structure.trace
    begin = next((step for step in trace.steps if step.parent is None and step.kind == "module"), None)
    if begin is None or trace.failure is not None or trace.symbolic:
        return None
    layers = (
        module.path
        for module in trace.modules
        if not module.children and structure.parameters.get(module.path)
    )
    return Sizes(
        inputs=sum(spec.bytes for spec in tensors_in(begin.inputs)),
        layer_outputs=sum(
            spec.bytes
            for path in layers
            for step in structure.calls.get(path, ())
            for spec in tensors_in(step.output)
        ),
    )
