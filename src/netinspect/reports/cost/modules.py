"""Rows of the `cost` report by module: a list in which rows do not overlap, or the tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats
from netinspect.analysis.operator_counts import cost_of
from netinspect.analysis.repeats import OutlineEntry
from netinspect.analysis.rows import RowKeys, Selection
from netinspect.analysis.totals import upwards
from netinspect.records.base import replace
from netinspect.records.modules import DEEPEST
from netinspect.records.work import Cost, Work, sum_of
from netinspect.reports.cost.record import CostRow

_PATHS: RowKeys[str] = RowKeys(path=lambda path: path, numbers={}, path_key="module")


class ModuleCosts:
    """Cost and parameters of the modules of a trace, as rows of a list or of a tree.

    Args:
        structure: Index of the trace.
        depth: Deepest level of modules with rows of their own; None for all.
    """

    def __init__(self, structure: Structure, depth: int | None = None) -> None:
        self._structure = structure
        self._depth = DEEPEST if depth is None else depth
        self._parameters: dict[str, int] = {}
        self._costs = self._add_up()
        self._total = sum_of(self._costs.values()).macs

    def _add_up(self) -> dict[str, Cost]:
        """Return the cost of the modules that have rows, and add up their parameters."""
        structure = self._structure
        for module in structure.trace.modules:
            if module.alias_of is None:
                path = self._row_of(module.path)
                self._parameters[path] = self._parameters.get(path, 0) + sum(
                    parameter.spec.elements
                    for parameter in structure.parameters.get(module.path, ())
                    if structure.counts(parameter)
                )
        work: dict[str, list[Work]] = {path: [] for path in self._parameters}
        for step in structure.trace.steps:
            work[self._first_path(self._row_of(step.module))] += step.work
        return {path: cost_of(each) for path, each in work.items()}

    def _row_of(self, path: str) -> str:
        """Return the path of the row of a module: its own, or that at the deepest level."""
        return ".".join(path.split(".")[: self._depth])

    def _first_path(self, path: str) -> str:
        """Return the path of the row of a module, which a step may have called by another path."""
        while path not in self._parameters:
            module = self._structure.modules.get(path)
            alias = module.alias_of if module is not None else None
            path = alias if alias is not None else path.rpartition(".")[0]
        return path

    @cached_property
    def _outline(self) -> dict[str, OutlineEntry[str]]:
        outline = find_repeats(self._structure, calls=True).outline(DEEPEST)
        return {entry.node: entry for entry in outline}

    def _is_empty(self, path: str) -> bool:
        return self._costs[path] == Cost() and not self._parameters[path]

    @cached_property
    def _filled(self) -> set[str]:
        """Paths of the modules that have a cost or parameters, or a module below them that has."""
        return _with_those_above(path for path in self._costs if not self._is_empty(path))

    @property
    def empty(self) -> int:
        """Number of modules without cost or parameters, down to the deepest level."""
        return len(self._costs) - len(self._filled & self._costs.keys())

    @property
    def below(self) -> int:
        """Number of modules below the deepest level."""
        modules = self._structure.trace.modules
        return sum(1 for module in modules if module.alias_of is None) - len(self._costs)

    def own(self) -> list[CostRow]:
        """Return a row for each module, with its own cost and parameters only."""
        return [self._row(path, [path]) for path in self._costs]

    def listed(self, selection: Selection) -> ListedRows:
        """Return rows that do not overlap.

        A module is listed whole if no module below it is listed, else with its own cost and parameters
        only. Empty rows are left out.

        Args:
            selection: Filters of the paths; its sort order and limit are not applied.
        """
        matching = [path for path in selection.matching([*self._costs], _PATHS) if path in self._filled]
        above = _with_those_above(path.rpartition(".")[0] for path in matching if path)
        covered: dict[str, list[str]] = {
            path: [path] for path in matching if path in above and not self._is_empty(path)
        }
        whole = {path for path in matching if path not in above}
        for path in self._costs:
            at = next((each for each in upwards(path) if each in whole), None)
            if at is not None:
                covered.setdefault(at, []).append(path)
        rows = [
            self._row(path, covered[path], itself=path in above) for path in matching if path in covered
        ]

        taken = {path for paths in covered.values() for path in paths}
        left = [path for path in self._costs if path not in taken and not self._is_empty(path)]
        return ListedRows(
            rows=_mark_repeats(rows, self._outline),
            hidden=len(left),
            rest=sum_of(self._costs[path] for path in left),
        )

    def tree(self) -> tuple[CostRow, ...]:
        """Return the modules in order, each with the sum of its branch, without empty branches."""
        structure = self._structure
        failed = _with_those_above(step.module for step in structure.trace.steps if step.failed)
        rows = []
        for path, entry in self._outline.items():
            if path not in self._costs or path not in self._filled:
                continue
            row = self._row(path, ())
            cost = structure.branch_costs[path]
            rows.append(
                replace(
                    row,
                    cost=cost,
                    share=cost.macs / self._total if self._total else 0.0,
                    parameters=structure.branch_sums[path].elements,
                    depth=entry.level,
                    failed=path in failed,
                    repeats=len(entry.run),
                    last_key=entry.run[-1] if len(entry.run) > 1 else "",
                    repeat_of=entry.repeat_of,
                )
            )
        return tuple(rows)

    def _row(self, path: str, covered: Iterable[str], *, itself: bool = False) -> CostRow:
        paths = [*covered]
        cost = sum_of(self._costs[each] for each in paths)
        return CostRow(
            key=path,
            class_name=self._structure.modules[path].class_name,
            calls=len(self._structure.calls.get(path, ())),
            cost=cost,
            share=cost.macs / self._total if self._total else 0.0,
            parameters=sum(self._parameters[each] for each in paths),
            itself=itself,
        )


class ListedRows(NamedTuple):
    """Rows of a list, and what they do not cover."""

    rows: tuple[CostRow, ...]
    hidden: int
    """Number of other modules that have a cost or parameters of their own, or of other groups."""

    rest: Cost
    """Cost of these."""


def _mark_repeats(rows: Sequence[CostRow], outline: dict[str, OutlineEntry[str]]) -> tuple[CostRow, ...]:
    """Mark the rows of modules that are at the same place of identical blocks."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(outline[row.key].repeat_of or row.key, []).append(row.key)
    marks = {
        key: (1, "", group[0]) if index else (len(group), group[-1] if len(group) > 1 else "", None)
        for group in groups.values()
        for index, key in enumerate(group)
    }
    return tuple(
        replace(row, repeats=repeats, last_key=last, repeat_of=first)
        for row in rows
        for repeats, last, first in [marks[row.key]]
    )


def _with_those_above(paths: Iterable[str]) -> set[str]:
    """Return paths and those of all modules above them."""
    found: set[str] = set()
    for path in paths:
        for each in upwards(path):
            if each in found:
                break
            found.add(each)
    return found
