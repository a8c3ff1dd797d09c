"""Computation of the `cost` report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal as OneOf

from netinspect.analysis.header import build_header, refuse_without_backward, refuse_without_forward
from netinspect.analysis.module_index import Structure
from netinspect.analysis.operator_counts import cost_of, cost_of_steps
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection, refuse_negative
from netinspect.analysis.totals import totals
from netinspect.errors import SavedTraceError, UsageError, suggestion
from netinspect.records.base import replace
from netinspect.records.steps import SourceLine, Step
from netinspect.records.trace import Backward, Trace
from netinspect.records.work import Work, sum_of
from netinspect.reports.cost.record import CostReport, CostRow, Grouping, Uncounted

GROUPINGS: dict[str, Grouping] = {
    "module": "module",
    "class": "class",
    "function": "function",
    "operator": "operator",
    "kind": "kind",
    "line": "line",
}
"""The groupings by name, for callers whose name may be any string."""

ROW_KEYS: RowKeys[CostRow] = RowKeys(
    path=lambda row: row.key,
    numbers={
        "macs": lambda row: row.cost.macs,
        "share": lambda row: row.cost.macs,
        "flops": lambda row: row.cost.flops,
        "other_flops": lambda row: row.cost.other_flops,
        "params": lambda row: row.parameters or 0,
        "activations": lambda row: row.cost.activations,
        "bytes": lambda row: row.cost.bytes_read + row.cost.bytes_written,
        "read": lambda row: row.cost.bytes_read,
        "written": lambda row: row.cost.bytes_written,
        "intensity": lambda row: row.cost.intensity,
        "calls": lambda row: row.calls,
    },
)


def check_grouping(by: str) -> None:
    """Check the name of a grouping.

    Raises:
        UsageError: There is no such grouping.
    """
    if by not in GROUPINGS:
        raise UsageError(
            f"cannot group by {by!r}", hint=suggestion(by, GROUPINGS) or f"one of {', '.join(GROUPINGS)}"
        )


def count_cost(
    trace: Trace,
    selection: Selection = ALL_ROWS,
    *,
    by: str = "module",
    depth: int | None = None,
    backward: bool = False,
) -> CostReport:
    """Add up the cost of forward in groups.

    Args:
        trace: The trace.
        selection: Rows to show; by default, modules are in tree order, other rows sorted by MACs.
        by: One of `GROUPINGS`.
        depth: Deepest level of modules with rows of its own; None for all.
        backward: Whether to include the cost of backward, which the trace must contain.

    Raises:
        ForwardError: The model has no forward.
        SavedTraceError: The trace contains no operator counts, or none of backward.
        UsageError: There is no such grouping or sort key, or a limit is negative.
    """
    refuse_negative("depth", depth)
    check_grouping(by)
    refuse_without_forward(trace)
    if trace.counted == "no" and trace.failure is None:
        raise SavedTraceError(
            f"the trace of {trace.target} contains no costs",
            hint="save it again with this version, and with an input",
        )
    if backward:
        refuse_without_backward(trace, "cost")
    structure = Structure(trace)
    total = cost_of_steps(trace.steps)
    rows = [group.row(total.macs) for group in _groups(structure, GROUPINGS[by], depth)]
    if by != "module":
        rows.sort(key=lambda row: (-row.cost.macs, -row.cost.other_flops, row.key))
    shown, hidden = selection.apply(rows, replace(ROW_KEYS, path_key=by))
    recorded = trace.backward if backward else None
    return CostReport(
        header=build_header(trace),
        by=GROUPINGS[by],
        rows=shown,
        hidden=len(hidden),
        rest=sum_of(row.cost for row in hidden),
        total=total,
        parameters=totals(trace).parameters,
        backward=None if recorded is None else cost_of(recorded.work),
        uncounted=tuple(_uncounted(trace.steps, recorded)),
        partly=trace.counted == "partly",
    )


@dataclass(slots=True)
class _Group:
    """Cost and properties of one row."""

    key: str
    class_name: str = ""
    calls: int = 0
    parameters: int | None = None
    called_at: SourceLine | None = None
    work: list[Work] = field(default_factory=list)

    def row(self, macs: int) -> CostRow:
        cost = cost_of(self.work)
        return CostRow(
            key=self.key,
            class_name=self.class_name,
            calls=self.calls,
            cost=cost,
            share=cost.macs / macs if macs else 0.0,
            parameters=self.parameters,
            called_at=self.called_at,
        )


def _groups(structure: Structure, by: Grouping, depth: int | None) -> list[_Group]:
    if by in ("module", "class"):
        groups = _by_module(structure, depth if by == "module" else None)
        if by == "class":
            groups = _by_class(groups)
        return [group for group in groups if group.work or group.parameters]
    found: dict[str, _Group] = {}
    for step in structure.trace.steps:
        for work in step.work:
            key = _key(step, work, by)
            group = found.setdefault(key, _Group(key))
            group.work.append(work)
            if by in ("operator", "kind"):
                group.calls += work.calls
                group.class_name = work.kind if by == "operator" else ""
        if step.work and by in ("function", "line"):
            group = found[_key(step, step.work[0], by)]
            group.calls += 1
            group.called_at = group.called_at or (step.source if by == "line" else None)
    return list(found.values())


def _key(step: Step, work: Work, by: Grouping) -> str:
    if by == "operator":
        return work.operator
    if by == "kind":
        return work.kind
    if by == "function":
        # Operators outside any function, as in TorchScript, count for the module that ran them.
        return step.name
    return f"{step.source.file}:{step.source.line}" if step.source is not None else "(no line)"


def _by_module(structure: Structure, depth: int | None) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for module in structure.trace.modules:
        if module.alias_of is None:
            path = _folded(module.path, depth)
            group = groups.setdefault(path, _Group(path, parameters=0))
            if path == module.path:
                group.class_name = module.class_name
                group.calls = len(structure.calls.get(path, ()))
            group.parameters = (group.parameters or 0) + sum(
                parameter.spec.elements
                for parameter in structure.parameters.get(module.path, ())
                if structure.counts(parameter)
            )
    for step in structure.trace.steps:
        groups[_first_path(structure, _folded(step.module, depth), groups)].work += step.work
    return list(groups.values())


def _first_path(structure: Structure, path: str, groups: dict[str, _Group]) -> str:
    """Return the path of the row of a module, which a step may have called by another path."""
    while path not in groups:
        module = structure.modules.get(path)
        alias = module.alias_of if module is not None else None
        path = alias if alias is not None else path.rpartition(".")[0]
    return path


def _folded(path: str, depth: int | None) -> str:
    return path if depth is None else ".".join(path.split(".")[:depth])


def _by_class(modules: Sequence[_Group]) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for module in modules:
        group = groups.setdefault(module.class_name, _Group(module.class_name, parameters=0))
        group.calls += module.calls
        group.parameters = (group.parameters or 0) + (module.parameters or 0)
        group.work += module.work
    return list(groups.values())


def _uncounted(steps: Sequence[Step], backward: Backward | None) -> Iterator[Uncounted]:
    phases: dict[OneOf["forward", "backward"], Sequence[Work]] = {
        "forward": [work for step in steps for work in step.work],
        "backward": () if backward is None else backward.work,
    }
    for phase, works in phases.items():
        found: dict[tuple[str, bool], int] = {}
        for work in works:
            if work.macs is None or work.flops is None:
                key = work.operator, work.macs is None
                found[key] = found.get(key, 0) + work.calls
        for (operator, macs), calls in found.items():
            yield Uncounted(operator=operator, calls=calls, macs=macs, phase=phase)
