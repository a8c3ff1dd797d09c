"""Computation of the `summary` report of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal as OneOf
from typing import NamedTuple

from netinspect.analysis.header import build_header
from netinspect.analysis.module_index import Structure
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection, refuse_negative
from netinspect.analysis.totals import ties, totals
from netinspect.records.base import replace
from netinspect.records.modules import DEEPEST, Module
from netinspect.records.steps import Step
from netinspect.records.tensors import Parameter
from netinspect.records.trace import Trace
from netinspect.records.values import Value, tensors_in
from netinspect.reports.summary.record import Summary, SummaryRow

ROW_KEYS: RowKeys[SummaryRow] = RowKeys(
    path=lambda row: row.path,
    numbers={
        "params": lambda row: row.parameters,
        "share": lambda row: row.parameters,
        "total_params": lambda row: row.total_parameters,
        "bytes": lambda row: row.bytes,
        "macs": lambda row: row.cost.macs,
        "calls": lambda row: row.calls,
        "output": lambda row: sum(spec.elements for spec in tensors_in(row.output)),
    },
    path_key="path",
)


def build_summary(
    trace: Trace,
    selection: Selection = ALL_ROWS,
    *,
    depth: int | None = None,
    functions: bool = False,
) -> Summary:
    """Build the summary of a trace: rows of its module tree, whose parameters add up to the total.

    Args:
        trace: The trace.
        selection: Rows to show.
        depth: Deepest level with rows; deeper modules are folded into their parents. None for all, up
            to 128 levels.
        functions: Whether functions between the layers also have rows, in the order of execution.

    Raises:
        UsageError: There is no such sort key, or a limit is negative.
    """
    refuse_negative("depth", depth)
    depth = DEEPEST if depth is None else min(depth, DEEPEST)
    structure = Structure(trace)
    whole = totals(trace)
    builder = _RowBuilder(structure, depth, whole.parameters)
    root = builder.executed() if functions and structure.calls.get("") else builder.defined("", 0)
    rows = list(_flatten(root))
    shown, hidden = selection.apply(rows, ROW_KEYS)
    return Summary(
        header=build_header(trace),
        rows=shown,
        hidden=len(hidden),
        flat=selection.sort is not None or bool(hidden),
        hidden_parameters=sum(row.parameters for row in hidden),
        totals=whole,
        ties=ties(trace),
        never_called=structure.never_called(),
        functions=functions,
        cost=cost_of_steps(trace.steps),
        counted=trace.counted,
    )


class _Node(NamedTuple):
    row: SummaryRow
    children: list[_Node]


def _flatten(node: _Node) -> Iterator[SummaryRow]:
    yield node.row
    for child in node.children:
        yield from _flatten(child)


class _RowBuilder:
    """Builds the tree of rows, by definition or by execution."""

    def __init__(self, structure: Structure, depth: int, total: int) -> None:
        self._structure = structure
        self._depth = depth
        self._total = total
        self._begin: Step | None = None

    def defined(self, path: str, depth: int) -> _Node:
        """Return the tree of modules as the constructors built it."""
        module = self._structure.modules[path]
        folds = depth == self._depth and module.alias_of is None
        calls = self._structure.calls.get(path, [])
        children = []
        if not folds and module.alias_of is None:
            children = [self.defined(child, depth + 1) for child in module.children]
        return _Node(self._module_row(module, depth, calls, folds=folds), children)

    def executed(self) -> _Node:
        """Return the tree of calls in forward, followed by the modules that it did not call."""
        structure = self._structure
        seen: set[str] = set()
        # A global hook may have run functions before it.
        self._begin = next(step for step in structure.calls[""] if step.parent is None)
        root = self._executed(self._begin, "", 0, seen)
        # A module that was not called has a row if it is a layer or has parameters.
        for module in structure.trace.modules:
            if module.path in seen or module.alias_of is not None:
                continue
            if not module.children or any(structure.counts(each) for each in self._own(module)):
                row = self._module_row(module, 1, [], folds=False)
                root.children.append(_Node(replace(row, name=module.path), []))
        return root

    def _executed(self, step: Step, parent: str, depth: int, seen: set[str]) -> _Node:
        structure = self._structure
        module = structure.modules[step.module]
        folds = depth == self._depth
        members = structure.branch(module.path) if folds else [module]
        unseen = {member.path for member in members} - seen
        seen |= unseen
        work = self._unlisted(step, whole=folds)
        row = self._module_row(module, depth, [step], folds=folds, only=unseen, work=work)
        # A container such as ModuleList is not called; its layers are below the module that calls them.
        row = replace(row, name=module.path.removeprefix(f"{parent}." if parent else ""))
        if step.call > 1:
            row = replace(row, calls=step.call)
        children: list[_Node] = []
        for child in () if folds else structure.children.get(step.index, ()):
            if child.kind == "module":
                children.append(self._executed(child, module.path, depth + 1, seen))
            elif not structure.is_inner(child):
                children.append(_Node(self._function_row(child, depth + 1), []))
        return _Node(row, children)

    def _unlisted(self, step: Step, *, whole: bool) -> list[Step]:
        """Return the steps counted in the row of a call: itself and inner steps without rows."""
        structure = self._structure
        inside = structure.children.get(step.index, ())
        if whole:
            found = self._with_inside([step])
        else:
            found = [step, *(child for child in inside if structure.is_inner(child))]
        if step is self._begin:
            # Global hooks may have run functions before or after the model.
            others = [other for other in structure.children.get(None, ()) if other is not step]
            found += self._with_inside(others)
        return found

    def _with_inside(self, steps: Sequence[Step]) -> list[Step]:
        """Return steps, each followed by all of its inner steps."""
        found: list[Step] = []
        waiting = [*reversed(steps)]
        while waiting:
            step = waiting.pop()
            found.append(step)
            waiting += reversed(self._structure.children.get(step.index, ()))
        return found

    def _own(self, module: Module) -> list[Parameter]:
        return self._structure.parameters.get(module.path, [])

    def _module_row(
        self,
        module: Module,
        depth: int,
        calls: Sequence[Step],
        *,
        folds: bool,
        only: set[str] | None = None,
        work: Sequence[Step] | None = None,
    ) -> SummaryRow:
        structure = self._structure
        members = list(structure.branch(module.path)) if folds else [module]
        if work is None:
            work = [step for member in members for step in structure.within.get(member.path, ())]
        held = [
            parameter
            for member in members
            if only is None or member.path in only
            for parameter in self._own(member)
        ]
        counted = [parameter for parameter in held if structure.counts(parameter)]
        elements = sum(parameter.spec.elements for parameter in counted)
        outputs = [step.output for step in calls if step.output is not None]
        return SummaryRow(
            kind="module",
            path=module.path,
            name=module.name,
            class_name=module.class_name,
            extra_repr=module.extra,
            depth=depth,
            inputs=_tensor_inputs(calls[0]) if calls else (),
            output=outputs[0] if outputs else None,
            shapes=len({_shapes(output) for output in outputs}),
            calls=len(calls),
            parameters=elements,
            total_parameters=structure.branch_sizes[module.path],
            trainable=_trainable(held),
            bytes=sum(parameter.counted_bytes for parameter in counted),
            share=elements / self._total if self._total else 0.0,
            tied=sum(parameter.spec.elements for parameter in held) - elements,
            alias_of=module.alias_of,
            folded=len(members) - 1,
            failed=any(step.failed for step in calls),
            called_at=calls[0].source if calls else None,
            defined_at=module.defined_at,
            cost=cost_of_steps(work),
        )

    def _function_row(self, step: Step, depth: int) -> SummaryRow:
        return SummaryRow(
            kind="function",
            path=step.module,
            name=step.name,
            class_name=step.qualified_name,
            extra_repr="",
            depth=depth,
            inputs=_tensor_inputs(step),
            output=step.output,
            shapes=1,
            calls=1,
            parameters=0,
            total_parameters=0,
            trainable="none",
            bytes=0,
            share=0.0,
            tied=0,
            alias_of=None,
            folded=0,
            failed=step.failed,
            called_at=step.source,
            cost=cost_of_steps((step,)),
        )


def _tensor_inputs(step: Step) -> tuple[Value, ...]:
    """Return the arguments of a call that contain tensors."""
    return tuple(
        item.value for item in step.inputs.items if next(tensors_in(item.value), None) is not None
    )


def _shapes(value: Value) -> tuple[tuple[int | str, ...], ...]:
    return tuple(spec.shape for spec in tensors_in(value))


def _trainable(held: Sequence[Parameter]) -> OneOf["yes", "no", "partial", "none"]:
    flags = {parameter.trainable for parameter in held}
    if not flags:
        return "none"
    return "partial" if len(flags) > 1 else "yes" if flags == {True} else "no"
