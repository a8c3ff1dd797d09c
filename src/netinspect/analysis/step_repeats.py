"""Identical calls in a trace: repeated blocks, and repeated groups of a block and functions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats
from netinspect.analysis.repeats import Group, Repeats, find_groups, without_numbers
from netinspect.records.steps import Step
from netinspect.records.values import tensors_in


class StepRun(NamedTuple):
    """Place of a step in the repeated groups of a trace."""

    repeat_of: int | None
    """Index of the same step in the first group of each run that it is in; None for the first itself."""

    repeats: int = 1
    """Number of groups in the run that begins with this step; 1 for all other steps."""

    length: int = 1
    """Number of calls in each of these groups."""

    last: int | None = None
    """Index of the step that begins the last of these groups; None if none begins with this step."""


def find_step_runs(structure: Structure, shown: Iterable[Step]) -> dict[int, StepRun]:
    """Find the repeated calls of a trace.

    Calls are identical if they are of identical modules or of the same function, take and return tensors
    of the same shapes and dtypes, and so do the calls inside of them.

    Args:
        structure: Index of the trace.
        shown: The steps that have rows, parents before their children.

    Returns:
        The place of each of these steps, by index.
    """
    below: dict[int | None, list[Step]] = {}
    for step in shown:
        below.setdefault(step.parent, []).append(step)
    signatures = _find_signatures(structure)
    groups: dict[int | None, list[Group]] = {}
    rows: dict[int | None, int] = {}
    for parent, steps in reversed(below.items()):
        siblings = [(without_numbers(_name(step)), signatures.signature(step.index)) for step in steps]
        sizes = [1 + rows.get(step.index, 0) for step in steps]
        groups[parent] = find_groups(siblings, sizes)
        rows[parent] = sum(sum(sizes[each.start : each.start + each.length]) for each in groups[parent])
    runs: dict[int, StepRun] = {}
    for parent, steps in below.items():
        # The steps inside of a later group are those of the first one.
        first = runs[parent].repeat_of if parent in runs else None
        for group in groups[parent]:
            for position in range(group.start, group.start + group.length * group.times):
                same = group.start + (position - group.start) % group.length
                if first is not None:
                    runs[steps[position].index] = _later(below[first][position], runs)
                elif position != same:
                    runs[steps[position].index] = StepRun(repeat_of=steps[same].index)
                elif position == group.start and group.times > 1:
                    last = steps[position + group.length * (group.times - 1)].index
                    runs[steps[position].index] = StepRun(None, group.times, group.length, last)
                else:
                    runs[steps[position].index] = StepRun(None)
    return runs


def _later(same: Step, runs: dict[int, StepRun]) -> StepRun:
    """Return the place of a step in a later group, from the same step in an earlier group."""
    found = runs[same.index].repeat_of
    return StepRun(repeat_of=same.index if found is None else found)


_TOP = -1
"""The parent of the steps that have none."""


def _find_signatures(structure: Structure) -> Repeats[int]:
    calls = structure.children
    modules = find_repeats(structure, calls=False)

    def children(index: int) -> dict[str, int]:
        below = calls.get(None if index == _TOP else index, ())
        return {str(position): step.index for position, step in enumerate(below)}

    def facts(index: int) -> Hashable:
        if index == _TOP:
            return None
        step = structure.trace.steps[index]
        is_known = step.kind == "module" and step.module in structure.modules
        return (
            step.kind,
            step.qualified_name,
            modules.signature(step.module) if is_known else None,
            step.failed,
            tuple((spec.shape, spec.dtype) for spec in tensors_in(step.inputs)),
            tuple((spec.shape, spec.dtype) for spec in tensors_in(step.output)),
        )

    return Repeats(_TOP, children, facts)


def _name(step: Step) -> str:
    return step.module.rpartition(".")[2] if step.kind == "module" else step.name
