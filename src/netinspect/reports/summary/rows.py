"""Rows of the `summary` report, in the order of the constructors or of the calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.analysis.repeats import OutlineEntry
from netinspect.analysis.totals import upwards
from netinspect.records.base import replace
from netinspect.records.modules import DEEPEST, Module
from netinspect.records.steps import Step
from netinspect.records.tensors import Parameter
from netinspect.records.values import Value, tensors_in
from netinspect.records.work import Cost
from netinspect.reports.summary.record import SummaryRow


def build_rows(
    structure: Structure, depth: int, *, by_calls: bool, functions: bool
) -> Iterator[SummaryRow]:
    """Yield the rows of a model's modules, each before those below it.

    Args:
        structure: Index of the trace.
        depth: Deepest level with rows.
        by_calls: Whether to follow the calls in forward. If so, a module has a row for each call, and
            modules that were not called come last.
        functions: Whether functions between the layers also have rows.
    """
    outline = find_repeats(structure, calls=True).outline(DEEPEST)
    builder = _RowBuilder(structure, depth, outline, functions=functions)
    return builder.called() if by_calls and structure.calls.get("") else builder.defined()


class _RowBuilder:
    """Builds rows in either order."""

    def __init__(
        self,
        structure: Structure,
        depth: int,
        outline: Iterator[OutlineEntry[str]],
        *,
        functions: bool,
    ) -> None:
        self._structure = structure
        self._depth = depth
        self._outline = {entry.node: entry for entry in outline}
        self._functions = functions
        self._total = structure.branch_sums[""].elements
        # A container such as ModuleList is not called, but the call of a module in it may fail.
        self._failed = {
            path for step in structure.trace.steps if step.failed for path in upwards(step.module)
        }

    def defined(self) -> Iterator[SummaryRow]:
        """Yield the modules as the constructors built them."""
        structure = self._structure
        for path, entry in self._outline.items():
            if entry.level > self._depth:
                continue
            module = structure.modules[path]
            folds = entry.level == self._depth and module.alias_of is None
            members = [*structure.branch(path)] if folds else [module]
            own = [step for each in members for step in structure.within.get(each.path, ())]
            yield self._module_row(
                module,
                entry.level,
                structure.calls.get(path, []),
                members,
                cost=structure.branch_costs[path],
                own_cost=cost_of_steps(own),
            )

    def called(self) -> Iterator[SummaryRow]:
        """Yield the calls in forward, then the modules that it did not call."""
        structure = self._structure
        seen: set[str] = set()
        # A global hook may have run functions before it.
        begin = next(step for step in structure.calls[""] if step.parent is None)
        yield from self._called(begin, "", 0, seen, outside=begin)
        # A module that was not called has a row if it is a layer or has parameters.
        for module in structure.trace.modules:
            if module.path in seen or module.alias_of is not None:
                continue
            if not module.children or any(structure.counts(each) for each in self._own(module)):
                row = self._module_row(module, 1, [], [module], cost=Cost(), own_cost=Cost())
                yield replace(row, name=module.path, repeats=1, last_name="", repeat_of=None)

    def _called(
        self, step: Step, parent: str, level: int, seen: set[str], outside: Step | None = None
    ) -> Iterator[SummaryRow]:
        structure = self._structure
        module = structure.modules[step.module]
        folds = level == self._depth
        members = [each for each in (structure.branch(module.path) if folds else [module])]
        unseen = [member for member in members if member.path not in seen]
        seen |= {member.path for member in unseen}
        whole, own = self._with_inside([step]), self._unlisted(step, whole=folds)
        if outside is not None:
            # Global hooks may have run functions before or after the model.
            others = [other for other in structure.children.get(None, ()) if other is not outside]
            whole += self._with_inside(others)
            own += self._with_inside(others)
        row = self._module_row(
            module, level, [step], unseen, cost=cost_of_steps(whole), own_cost=cost_of_steps(own)
        )
        # A container such as ModuleList is not called; its layers are below the module that calls them.
        name = module.path.removeprefix(f"{parent}." if parent else "")
        yield replace(row, name=name, calls=step.call if step.call > 1 else row.calls)
        for child in () if folds else structure.children.get(step.index, ()):
            if child.kind == "module":
                yield from self._called(child, module.path, level + 1, seen)
            elif self._is_listed(child):
                yield self._function_row(child, level + 1)

    def _is_listed(self, function: Step) -> bool:
        return self._functions and not self._structure.is_inner(function)

    def _unlisted(self, step: Step, *, whole: bool) -> list[Step]:
        """Return the steps counted in the row of a call: itself and functions inside without rows."""
        if whole:
            return self._with_inside([step])
        inside = self._structure.children.get(step.index, ())
        return [step, *(each for each in inside if each.kind != "module" and not self._is_listed(each))]

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
        level: int,
        calls: Sequence[Step],
        members: Sequence[Module],
        *,
        cost: Cost,
        own_cost: Cost,
    ) -> SummaryRow:
        """Return the row of a module; its own parameters are those of `members`."""
        structure = self._structure
        entry, branch = self._outline[module.path], structure.branch_sums[module.path]
        held = [parameter for member in members for parameter in self._own(member)]
        counted = [parameter for parameter in held if structure.counts(parameter)]
        own = sum(parameter.spec.elements for parameter in counted)
        outputs = [step.output for step in calls if step.output is not None]
        return SummaryRow(
            kind="module",
            path=module.path,
            name=module.name,
            class_name=module.class_name,
            extra_repr=module.extra,
            depth=level,
            inputs=_tensor_inputs(calls[0]) if calls else (),
            output=outputs[0] if outputs else None,
            shapes=len({_shapes(output) for output in outputs}),
            calls=len(calls),
            parameters=branch.elements,
            own_parameters=own,
            trainable=branch.trainability,
            bytes=branch.bytes,
            own_bytes=sum(parameter.counted_bytes for parameter in counted),
            share=branch.elements / self._total if self._total else 0.0,
            tied=sum(parameter.spec.elements for parameter in held) - own,
            alias_of=module.alias_of,
            folded=len(list(structure.branch(module.path))) - 1 if level == self._depth else 0,
            failed=any(step.failed for step in calls) or module.path in self._failed,
            called_at=calls[0].source if calls else None,
            cost=cost,
            own_cost=own_cost,
            repeats=len(entry.run),
            last_name=structure.modules[entry.run[-1]].name if len(entry.run) > 1 else "",
            repeat_of=entry.repeat_of,
            defined_at=module.defined_at,
        )

    def _function_row(self, step: Step, level: int) -> SummaryRow:
        cost = cost_of_steps((step,))
        return SummaryRow(
            kind="function",
            path=step.module,
            name=step.name,
            class_name=step.qualified_name,
            extra_repr="",
            depth=level,
            inputs=_tensor_inputs(step),
            output=step.output,
            shapes=1,
            calls=1,
            parameters=0,
            own_parameters=0,
            trainable="none",
            bytes=0,
            own_bytes=0,
            share=0.0,
            tied=0,
            alias_of=None,
            folded=0,
            failed=step.failed,
            called_at=step.source,
            cost=cost,
            own_cost=cost,
            repeat_of=self._outline[step.module].repeat_of if step.module in self._outline else None,
        )


def _tensor_inputs(step: Step) -> tuple[Value, ...]:
    """Return the arguments of a call that contain tensors."""
    return tuple(
        item.value for item in step.inputs.items if next(tensors_in(item.value), None) is not None
    )


def _shapes(value: Value) -> tuple[tuple[int | str, ...], ...]:
    return tuple(spec.shape for spec in tensors_in(value))
