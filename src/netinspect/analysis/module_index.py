"""Index of a trace: modules and their tensors, calls, and steps by module and parent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal as OneOf
from typing import NamedTuple

from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.analysis.totals import first_names, upwards
from netinspect.errors import UsageError, suggestion
from netinspect.records.modules import Module
from netinspect.records.steps import Step
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.trace import Trace
from netinspect.records.work import Cost, sum_of


class BranchSum(NamedTuple):
    """Sums over the parameters of a module and of all modules below it, tied tensors counted once."""

    elements: int
    bytes: int
    trainable: frozenset[bool]
    """The flags that occur."""

    @property
    def trainability(self) -> OneOf["yes", "no", "partial", "none"]:
        """Whether the parameters are trainable; `none` without any."""
        if not self.trainable:
            return "none"
        return "partial" if len(self.trainable) > 1 else "yes" if True in self.trainable else "no"


class Structure:
    """Index of one trace; each part is computed when it is first used.

    Args:
        trace: The trace.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @cached_property
    def modules(self) -> dict[str, Module]:
        """Modules by path."""
        return {module.path: module for module in self.trace.modules}

    @cached_property
    def parameters(self) -> dict[str, list[Parameter]]:
        """Parameters by the path of the module that holds them."""
        by_module: dict[str, list[Parameter]] = {}
        for parameter in self.trace.parameters:
            by_module.setdefault(parameter.module, []).append(parameter)
        return by_module

    @cached_property
    def buffers(self) -> dict[str, list[Buffer]]:
        """Buffers by the path of the module that holds them."""
        by_module: dict[str, list[Buffer]] = {}
        for buffer in self.trace.buffers:
            by_module.setdefault(buffer.module, []).append(buffer)
        return by_module

    @cached_property
    def _counted(self) -> set[str]:
        return set(first_names(self.trace.parameters).values())

    def counts(self, parameter: Parameter) -> bool:
        """Return whether a parameter counts under this name, and not under an earlier one."""
        return parameter.name in self._counted

    @cached_property
    def calls(self) -> dict[str, list[Step]]:
        """Steps that called a module, by the path of the module."""
        by_module: dict[str, list[Step]] = {}
        for step in self.trace.steps:
            if step.kind == "module":
                by_module.setdefault(step.module, []).append(step)
        return by_module

    @cached_property
    def within(self) -> dict[str, list[Step]]:
        """Steps by path: of the called module, or of the module whose `forward` called the function."""
        by_module: dict[str, list[Step]] = {}
        for step in self.trace.steps:
            by_module.setdefault(step.module, []).append(step)
        return by_module

    @cached_property
    def children(self) -> dict[int | None, list[Step]]:
        """Steps by the index of their parent step."""
        by_parent: dict[int | None, list[Step]] = {}
        for step in self.trace.steps:
            by_parent.setdefault(step.parent, []).append(step)
        return by_parent

    @cached_property
    def _used_parameters(self) -> set[str]:
        """Names of the parameters that were arguments of a call."""
        return {name for step in self.trace.steps for name in step.parameters}

    def branch(self, path: str) -> Iterator[Module]:
        """Yield a module and all modules below it, without those below an alias."""
        waiting = [path]
        while waiting:
            module = self.modules[waiting.pop()]
            yield module
            if module.alias_of is None:
                waiting += reversed(module.children)

    @cached_property
    def branch_sums(self) -> dict[str, BranchSum]:
        """Sums over the parameters of each module and below.

        Only tied parameters are collected by identity, all others are added up over the children, so
        that the time is linear in the number of modules.
        """
        tied = {entry.identity for entry in self.trace.parameters if not self.counts(entry)}
        first = {
            entry.identity: entry
            for entry in self.trace.parameters
            if entry.identity in tied and self.counts(entry)
        }
        held: dict[str, list[Parameter]] = {}
        for parameter in self.trace.parameters:
            # Modules below an alias have tensors, but are listed only at the first occurrence.
            path = next(path for path in upwards(parameter.module) if path in self.modules)
            held.setdefault(path, []).append(parameter)
        sums: dict[str, tuple[int, int]] = {}
        members: dict[str, set[int]] = {}
        flags: dict[str, frozenset[bool]] = {}
        for module in reversed(self.trace.modules):
            elements = size = 0
            shared, trainable = set[int](), set[bool]()
            for parameter in held.get(module.path, ()):
                trainable.add(parameter.trainable)
                if parameter.identity in tied:
                    shared.add(parameter.identity)
                else:
                    elements += parameter.spec.elements
                    size += parameter.counted_bytes
            for child in module.children if module.alias_of is None else ():
                below = sums.get(child, (0, 0))
                elements, size = elements + below[0], size + below[1]
                shared |= members.get(child, set())
                trainable |= flags.get(child, frozenset())
            sums[module.path], members[module.path] = (elements, size), shared
            flags[module.path] = frozenset(trainable)
        return {
            path: BranchSum(
                elements + sum(first[each].spec.elements for each in members[path]),
                size + sum(first[each].counted_bytes for each in members[path]),
                flags[path],
            )
            for path, (elements, size) in sums.items()
        }

    @cached_property
    def own_costs(self) -> dict[str, Cost]:
        """Cost of each module that ran anything, without the modules below it."""
        return {path: cost_of_steps(steps) for path, steps in self.within.items()}

    @cached_property
    def branch_costs(self) -> dict[str, Cost]:
        """Cost of each module and all modules below it."""
        costs: dict[str, Cost] = {}
        for module in reversed(self.trace.modules):
            children = module.children if module.alias_of is None else ()
            below = [costs[child] for child in children if child in costs]
            own = self.own_costs.get(module.path)
            costs[module.path] = sum_of([*below, *([own] if own is not None else [])])
        return costs

    @cached_property
    def _reached(self) -> set[str]:
        """Paths of the modules that were called or hold a used parameter, and of all their parents."""
        reached = {""} if self.trace.steps else set()
        used = [*self.calls, *(name.rpartition(".")[0] for name in self._used_parameters)]
        for path in self.calls:
            if self.modules[path].class_path.startswith("torch.jit."):
                # Calls inside TorchScript are not recorded, so all of its modules count as called.
                used += [member.path for member in self.branch(path)]
        for path in used:
            while path not in reached:
                reached.add(path)
                path = path.rpartition(".")[0]
        return reached

    def never_called(self) -> tuple[str, ...]:
        """Return the paths of the modules that forward did not use; of a whole branch only the top."""
        if not self.trace.steps or self.trace.failure is not None:
            return ()
        reached = self._reached
        return tuple(
            module.path
            for module in self.trace.modules
            if module.path not in reached
            and module.alias_of is None
            and (module.path.rpartition(".")[0] in reached)
        )

    def unused(self) -> dict[str, int]:
        """Return the elements of the parameters in each never-called module that has any, by path.

        A parameter that another module uses is counted there, and not here.
        """
        sizes: dict[str, int] = {}
        for path in self.never_called():
            branch = [module.path for module in self.branch(path)]
            owned = [entry for each in branch for entry in self.parameters.get(each, ())]
            if owned:
                sizes[path] = sum(entry.spec.elements for entry in owned if self.counts(entry))
        return sizes

    def is_inner(self, step: Step) -> bool:
        """Return whether a step is a function inside one of torch's own layers.

        Such a step, like the `torch.conv2d` of a `Conv2d`, repeats its layer. A function in a layer that
        calls other modules, such as a transformer layer, is not an inner step.
        """
        if step.kind == "module" or step.parent is None:
            return False
        module = self.modules.get(step.module)
        if module is None or not module.library:
            return False
        return not any(sibling.kind == "module" for sibling in self.children.get(step.parent, ()))

    def find(self, path: str) -> Module:
        """Return a module by its path.

        Raises:
            UsageError: There is no such module; the hint suggests similar paths.
        """
        path = path.strip(".")
        module = self.modules.get(path)
        if module is None:
            known = [module.path for module in self.trace.modules if module.path]
            top = [each for each in known if "." not in each]
            raise UsageError(
                f"{self.trace.class_name} has no module {path!r}",
                hint=suggestion(path, known) or f"its first level is: {', '.join(top) or 'empty'}",
            )
        return module
