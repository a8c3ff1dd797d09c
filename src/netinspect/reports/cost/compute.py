"""Computation of the `cost` report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
from netinspect.records.work import Cost, Work, sum_of
from netinspect.reports.cost.modules import ListedRows, ModuleCosts
from netinspect.reports.cost.record import CostReport, CostRow, FoldedRows, Grouping, Uncounted

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
    tree: bool = False,
    fold: bool = True,
) -> CostReport:
    """Add up the cost of forward in groups.

    Args:
        trace: The trace.
        selection: Rows to show; by default sorted by MACs. A limit counts each module; of the
            rows that people see, it counts identical modules as one.
        by: One of `GROUPINGS`.
        depth: Deepest level of modules with rows of its own; None for all.
        backward: Whether to include the cost of backward, which the trace must contain.
        tree: Whether rows are the module tree with sums of its branches, instead of a list.
        fold: Whether people see identical modules as one row.

    Raises:
        ForwardError: The model has no forward.
        SavedTraceError: The trace contains no operator counts, or none of backward.
        UsageError: There is no such grouping or sort key, a limit is negative, or a tree is to be
            grouped, filtered, sorted or limited.
    """
    refuse_negative("depth", depth)
    refuse_negative("top", selection.top)
    check_grouping(by)
    if tree:
        _refuse_selected_tree(selection, by)
    refuse_without_forward(trace)
    if trace.counted == "no" and trace.failure is None:
        raise SavedTraceError(
            f"the trace of {trace.target} contains no costs",
            hint="save it again with this version, and with an input",
        )
    if backward:
        refuse_without_backward(trace, "cost")
    structure = Structure(trace)
    modules = ModuleCosts(structure, depth)
    if tree:
        listed, folded = ListedRows(modules.tree(), 0, Cost()), None
    else:
        listed, folded = _list_rows(modules, structure, selection, by, fold=fold)
    recorded = trace.backward if backward else None
    return CostReport(
        header=build_header(trace),
        by=GROUPINGS[by],
        tree=tree,
        fold=fold,
        rows=listed.rows,
        hidden=listed.hidden,
        rest=listed.rest,
        total=cost_of_steps(trace.steps),
        parameters=totals(trace).parameters,
        backward=None if recorded is None else cost_of(recorded.work),
        uncounted=tuple(_uncounted(trace.steps, recorded)),
        partly=trace.counted == "partly",
        folded=folded,
        empty=modules.empty if tree else 0,
        below=modules.below if by == "module" else 0,
    )


def _refuse_selected_tree(selection: Selection, by: str) -> None:
    given = {
        "by": by != "module",
        "include": tuple(selection.include),
        "exclude": tuple(selection.exclude),
        "sort": selection.sort is not None,
        "top": selection.top is not None,
    }
    if wrong := [name for name, value in given.items() if value]:
        raise UsageError(
            f"a tree has all modules in order: it does not go with {' and '.join(wrong)}",
            hint="leave the tree out, or limit it by its depth",
        )


def _list_rows(
    modules: ModuleCosts, structure: Structure, selection: Selection, by: str, *, fold: bool
) -> tuple[ListedRows, FoldedRows | None]:
    """Return the rows of a list, and those that people see if they are folded."""
    keys = replace(ROW_KEYS, path_key=by)
    sort = None if selection.sort is None else keys.resolve(selection.sort)
    if by == "module":
        listed = modules.listed(selection)
    else:
        matching, others = Selection(selection.include, selection.exclude).apply(
            _other_rows(structure, GROUPINGS[by]), keys
        )
        listed = ListedRows(matching, len(others), sum_of(row.cost for row in others))

    def limited(groups: Sequence[list[CostRow]]) -> ListedRows:
        ordered = _sorted(groups, sort, keys)
        left = [] if selection.top is None else ordered[selection.top :]
        return ListedRows(
            rows=tuple(group[0] for group in ordered[: selection.top]),
            hidden=listed.hidden + sum(map(len, left)),
            rest=sum_of([listed.rest, *(row.cost for group in left for row in group)]),
        )

    has_repeats = any(row.repeat_of is not None for row in listed.rows)
    folded = limited(_groups_of(listed.rows)) if fold and has_repeats else None
    return (
        limited([[row] for row in listed.rows]),
        None if folded is None else FoldedRows(rows=folded.rows, hidden=folded.hidden, rest=folded.rest),
    )


def _groups_of(rows: Iterable[CostRow]) -> list[list[CostRow]]:
    """Return the rows that people see as one together."""
    groups: dict[str, list[CostRow]] = {}
    for row in rows:
        groups.setdefault(row.key if row.repeat_of is None else row.repeat_of, []).append(row)
    return [*groups.values()]


def _sorted(
    groups: Sequence[list[CostRow]], sort: str | None, keys: RowKeys[CostRow]
) -> list[list[CostRow]]:
    """Sort groups by MACs, or by another key; equal ones keep their order."""
    sums = {id(group): add_up(group) for group in groups}
    by_macs = sorted(
        groups, key=lambda group: (-sums[id(group)].cost.macs, -sums[id(group)].cost.other_flops)
    )
    if sort is None:
        return by_macs
    if sort == keys.path_key:
        return sorted(by_macs, key=lambda group: keys.path(group[0]))
    return sorted(by_macs, key=lambda group: keys.numbers[sort](sums[id(group)]), reverse=True)


def add_up(group: Sequence[CostRow]) -> CostRow:
    """Return the first row of a group with the sums of all."""
    first = group[0]
    if len(group) == 1:
        return first
    return replace(
        first,
        calls=sum(row.calls for row in group),
        cost=sum_of(row.cost for row in group),
        share=sum(row.share for row in group),
        parameters=sum(row.parameters or 0 for row in group),
    )


@dataclass(slots=True)
class _Group:
    """Cost and properties of one row."""

    key: str
    class_name: str = ""
    calls: int = 0
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
            parameters=None,
            called_at=self.called_at,
        )


def _other_rows(structure: Structure, by: Grouping) -> list[CostRow]:
    """Return the rows of groups that are not modules, sorted by key."""
    if by == "class":
        rows = _by_class(ModuleCosts(structure).own())
    else:
        total = cost_of_steps(structure.trace.steps).macs
        rows = [group.row(total) for group in _groups(structure, by)]
    return sorted(rows, key=lambda row: row.key)


def _by_class(modules: Iterable[CostRow]) -> list[CostRow]:
    classes: dict[str, list[CostRow]] = {}
    for row in modules:
        classes.setdefault(row.class_name, []).append(row)
    rows = [replace(add_up(group), key=name) for name, group in classes.items()]
    return [row for row in rows if row.parameters or row.cost != Cost()]


def _groups(structure: Structure, by: Grouping) -> list[_Group]:
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
