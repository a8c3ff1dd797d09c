"""Calls of a trace, for its picture."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.analysis.module_index import Structure
from netinspect.analysis.operator_counts import cost_of
from netinspect.analysis.picture.calls import Call, Read, connect
from netinspect.records.base import replace
from netinspect.records.modules import Module
from netinspect.records.picture import Template
from netinspect.records.report_header import Operand
from netinspect.records.steps import Origin, Step
from netinspect.records.trace import Trace
from netinspect.records.values import Literal, TensorSpec, Value, tensors_in
from netinspect.records.values import Structure as Container

_LONGEST_FACTS = 80


def calls_of_trace(trace: Trace) -> list[Call]:
    """Return the calls of a trace, or the modules of a model that was not run; the root is the first."""
    return _TraceCalls(trace).collect()


def notes_of_trace(trace: Trace) -> tuple[str, ...]:
    """Return what the picture of a trace does not show."""
    if not trace.ran:
        return ("forward was not run: the picture shows the modules, and no data flow",)
    return ()


class _TraceCalls:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._structure = Structure(trace)
        self._owns: dict[str, Template] = {}
        self._calls: list[Call] = []
        self._inputs: dict[str, int] = {}
        # A hook of torch for all modules may call functions before the root.
        outermost = (step for step in trace.steps if step.parent is None and step.kind == "module")
        self._root = next((step.index for step in outermost), 0)

    def collect(self) -> list[Call]:
        trace = self._trace
        if not trace.steps:
            self._add_modules("", None, called=True)
            connect(self._calls)
            return self._calls
        for step in trace.steps:
            self._calls.append(self._call_of(step))
        for given in trace.inputs:
            if any(True for _ in tensors_in(given.value)):
                self._add_input(given.name, given.value)
        for step in trace.steps:
            # The root has the inputs inside, and does not read them from elsewhere.
            if step.index != self._root:
                self._calls[step.index].reads = self._reads(
                    step.input_origins, [*tensors_in(step.inputs)]
                )
        never_called = []
        for path in self._structure.never_called():
            never_called.append((len(self._calls), path))
            self._add_modules(path, self._nearest(path)[0], called=False)
        if trace.output is not None:
            reads = self._reads(trace.output_origins, [*tensors_in(trace.output)])
            own = Template(kind="output", label="output", inputs=_operands(trace.output))
            self._calls.append(Call(self._root, own, "output", reads=reads))
        connect(self._calls)
        for index, path in never_called:
            for other in self._nearest(path)[1:]:
                self._calls[other].children.append(index)
        # Inputs come before what reads them.
        root = self._calls[self._root]
        root.children.sort(key=lambda index: self._calls[index].own.kind != "input")
        return self._calls

    def _call_of(self, step: Step) -> Call:
        cost = None if self._trace.counted == "no" else cost_of(step.work)
        shown: dict[str, object] = {
            "label": step.name,
            "qualified_name": step.qualified_name,
            "inputs": tuple(self._input_operands(step)),
            "output": _operands(step.output),
            "steps": 1,
            "cost": cost,
            "failed": step.failed,
            # Calls on one line are identical, wherever they are in it.
            "site": step.source and replace(step.source, instruction=0),
        }
        parent = step.parent if step.index == self._root or step.parent is not None else self._root
        if step.kind == "module":
            # A layer of torch that calls other modules, such as `Sequential`, is opened like any other.
            inside = self._structure.children.get(step.index, ())
            own = self._of_module(step.module)
            is_leaf = not any(each.kind == "module" for each in inside)
            own = replace(own, **shown, library=own.library and is_leaf)
            return Call(parent, own, step.module)
        own = Template(
            kind="function",
            facts=_plain_arguments(step),
            **shown,  # type: ignore[arg-type]
        )
        return Call(parent, own)

    def _of_module(self, path: str) -> Template:
        """Return what is the same in all calls of a module."""
        own = self._owns.get(path)
        if own is None:
            module = self._structure.modules.get(path)
            own = self._owns[path] = (
                self._of_registered(module)
                if module is not None
                else Template(kind="module", label=path)
            )
        return own

    def _of_registered(self, module: Module) -> Template:
        below = self._structure.branch_sums[module.path]
        return Template(
            kind="module",
            label=module.class_name,
            facts=module.extra,
            qualified_name=module.class_path,
            library=module.library,
            parameters=below.elements,
            parameter_bytes=below.bytes,
            trainable=below.trainability,
            defined_at=module.defined_at,
        )

    def _input_operands(self, step: Step) -> Iterator[Operand]:
        prefix = f"{step.module}." if step.module else ""
        for (name, spec), origin in zip(_leaves(step.inputs), step.input_origins, strict=False):
            if not origin.in_object:
                parameter = origin.parameters[0].removeprefix(prefix) if origin.parameters else ""
                yield Operand(name=parameter or name, spec=spec)

    def _reads(self, origins: tuple[Origin, ...], specs: list[TensorSpec]) -> list[Read]:
        reads = []
        for origin, spec in zip(origins, specs, strict=False):
            arguments = [self._add_input(name) for name in origin.arguments]
            sources = (*origin.producers, *arguments)
            if sources:
                reads.append(Read(sources, spec.shape, spec.bytes, origin.in_object))
        return reads

    def _add_input(self, name: str, value: Value | None = None) -> int:
        index = self._inputs.get(name)
        if index is None:
            index = self._inputs[name] = len(self._calls)
            own = Template(kind="input", label=name, output=_operands(value))
            self._calls.append(Call(self._root, own, name))
        return index

    def _add_modules(self, path: str, parent: int | None, *, called: bool) -> None:
        """Add a module and all modules below it, as boxes without calls."""
        indices: dict[str, int] = {}
        branch = [*self._structure.branch(path)]
        containers = {module.path.rpartition(".")[0] for module in branch if module.path}
        for module in branch:
            above = indices.get(module.path.rpartition(".")[0], parent)
            indices[module.path] = len(self._calls)
            own = self._of_module(module.path)
            library = own.library and module.path not in containers
            own = replace(own, called=called, library=library)
            self._calls.append(Call(above if module.path != path else parent, own, module.path))

    def _nearest(self, path: str) -> list[int]:
        """Return the calls of the nearest module above a path that was called."""
        while path:
            path = path.rpartition(".")[0]
            if calls := self._structure.calls.get(path):
                return [step.index for step in calls]
        return [self._root]


def _operands(value: Value | None) -> tuple[Operand, ...]:
    if value is None:
        return ()
    return tuple(Operand(name=name, spec=spec) for name, spec in _leaves(value))


def _leaves(value: Value, name: str = "") -> Iterator[tuple[str, TensorSpec]]:
    """Yield the tensors of a value with their keys, in the order of `tensors_in`."""
    if isinstance(value, TensorSpec):
        yield name, value
    elif isinstance(value, Container):
        for item in value.items:
            yield from _leaves(item.value, f"{name}.{item.key}" if name else item.key)


def _plain_arguments(step: Step) -> str:
    """Return the arguments of a function that are not tensors, as text."""
    parts = [
        f"{item.key}={item.value.text}" if not item.key.isdigit() else item.value.text
        for item in step.inputs.items
        if isinstance(item.value, Literal)
    ]
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST_FACTS else f"{text[: _LONGEST_FACTS - 3]}..."
