"""Calls of the graph of a model file, for its picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from math import prod
from typing import Literal

from netinspect._utils import units
from netinspect.analysis.named_tensors import named_tensors
from netinspect.analysis.picture.calls import Call, Read, connect
from netinspect.analysis.picture.file_numbers import number_nodes
from netinspect.analysis.picture.file_order import NodeOrder, Unit
from netinspect.analysis.picture.file_values import (
    BYTES,
    FileValues,
    bytes_of,
    local_name,
    operands,
    results_of,
    shape_of,
)
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.file_graph import FileGraph, GraphNode, GraphParameter
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.picture import Template

_LONGEST_FACTS = 80
_MOST_OF_LAYER = 4
"""Largest number of nodes of a module without a class that counts as a layer."""

_LIBRARY = "torch."
Trainable = Literal["yes", "no", "partial", "none"]
_INDEX = "int64"
"""Dtype of the constants of ONNX that are shapes and axes, not weights."""


def calls_of_file(graph: FileGraph, checkpoint: Checkpoint) -> list[Call]:
    """Return the calls of the graph of a file; the root is the first.

    Args:
        graph: The graph.
        checkpoint: The tensors of the same file.
    """
    return _FileCalls(graph, checkpoint).collect()


def notes_of_file(graph: FileGraph) -> tuple[str, ...]:
    """Return notes on what the picture of a file does not show."""
    notes = [*graph.notes, "no costs: the file contains none, and nothing was run"]
    if count := sum(number_nodes(graph)):
        notes.append(
            f"nodes that compute sizes, conditions or copies of parameters, not drawn: {count:,}"
        )
    return tuple(notes)


class _FileCalls:
    def __init__(self, graph: FileGraph, checkpoint: Checkpoint) -> None:
        self._graph = graph
        self._order = NodeOrder(graph)
        self._checkpoint = checkpoint
        self._values = FileValues(graph)
        self._tensors = {each.name: each for each in named_tensors(checkpoint)}
        self._calls: list[Call] = []

    def collect(self) -> list[Call]:
        main = self._graph.main
        root = self._graph.modules[0]
        nodes = self._drawn(0)
        self._calls.append(Call(None, self._module(Unit(0, nodes), library=False, facts="")))
        for each in main.inputs:
            self._values.input_of[each.name] = len(self._calls)
            own = Template(kind="input", label=each.name, output=operands([each]))
            self._calls.append(Call(0, own, each.name))
        self._add_units(self._order.arrange(nodes, 0), 0, root.path)
        for index, call in self._values.call_of.items():
            self._calls[call].reads = self._values.reads(index)
        if main.outputs:
            reads = [
                Read(sources, shape_of(tensor), bytes_of(tensor))
                for tensor, each in zip(main.outputs, main.results, strict=True)
                if (sources := self._values.sources(each.value, each.producer, each.kind, 0))
            ]
            own = Template(kind="output", label="output", inputs=operands(main.outputs))
            self._calls.append(Call(0, own, "output", reads=reads))
        connect(self._calls)
        return self._calls

    def _drawn(self, body: int) -> list[int]:
        return [each for each in self._order.nodes_of(body) if not self._values.numbers[each]]

    # --- boxes -----------------------------------------------------------------------------------

    def _add_units(self, units: Iterable[Unit], parent: int, path: str) -> None:
        for unit in units:
            if unit.module is None:
                self._add_node(unit.nodes[0], parent)
                continue
            inner = self._order.arrange(unit.nodes, unit.module)
            is_leaf = all(each.module is None for each in inner)
            module = self._graph.modules[unit.module]
            is_small = not module.class_path and len(inner) <= _MOST_OF_LAYER
            library = is_leaf and (module.class_path.startswith(_LIBRARY) or is_small)
            facts = self._facts_of_layer(unit.nodes) if library else ""
            own = self._module(unit, library=library, facts=facts)
            call = len(self._calls)
            self._calls.append(Call(parent, own, module.path))
            self._add_units(inner, call, module.path)

    def _add_node(self, index: int, parent: int) -> None:
        node = self._graph.nodes[index]
        self._values.call_of[index] = call = len(self._calls)
        own = Template(
            kind="function",
            label=node.label,
            qualified_name=node.operator,
            facts=_facts(node),
            inputs=tuple(self._values.operands_of(node)),
            output=results_of(node.outputs),
            steps=1,
            site=node.source,
        )
        self._calls.append(Call(parent, own))
        bodies = self._values.nested.get(index, [])
        for body in bodies:
            below = call
            if len(bodies) > 1:
                below = len(self._calls)
                name = self._graph.bodies[body].name
                self._calls.append(Call(call, Template(kind="function", label=name or "graph")))
            module = node.module
            self._add_units(self._order.arrange(self._drawn(body), module), below, "")

    def _module(self, unit: Unit, *, library: bool, facts: str) -> Template:
        """Return the template of a module call with some nodes."""
        assert unit.module is not None
        module = self._graph.modules[unit.module]
        weights = list(self._weights_of(unit.nodes).values())
        sizes = [self._size_of(each) for each in weights]
        stored = [self._tensors[each.name] for each in weights if each.name in self._tensors]
        label = module.class_path.rpartition(".")[2]
        if not label:
            # Names do not count when boxes are compared, so that they cannot be the label.
            inside = " · ".join(self._graph.nodes[each].label for each in unit.nodes)
            label = inside if library else units.plural(len(unit.nodes), "node")
            label = label if module.path else root_label(self._checkpoint)
        site = self._graph.nodes[unit.nodes[0]].source if library and unit.nodes else None
        return Template(
            kind="module",
            label=label,
            qualified_name=module.class_path,
            library=library,
            facts=facts,
            inputs=tuple(self._values.inputs_of(unit.nodes)),
            output=results_of(self._values.outputs_of(unit.nodes)),
            steps=1,
            parameters=sum(elements for elements, _ in sizes),
            parameter_bytes=sum(size for _, size in sizes),
            trainable=trainability_of(stored),
            site=site,
        )

    def _facts_of_layer(self, nodes: Sequence[int]) -> str:
        """Return the shapes of the parameters of a layer, and the arguments of its only node."""
        shapes = [
            f"{local_name(each)} {'x'.join(map(str, each.shape)) or '1'}".lstrip()
            for index in nodes
            for each in self._values.stored_of(index)
            if each.kind != "constant" and "..." not in each.shape
        ]
        only = _facts(self._graph.nodes[nodes[0]]) if len(nodes) == 1 else ""
        return _shortened(", ".join([*shapes, *([only] if only else [])]))

    # --- parameters ------------------------------------------------------------------------------

    def _weights_of(self, nodes: Iterable[int]) -> dict[object, GraphParameter]:
        """Return the parameters that nodes read, each tied one once."""
        found: dict[object, GraphParameter] = {}
        for each in self._values.all_stored(nodes):
            is_index = each.dtype == _INDEX and len(each.shape) < 2
            if each.kind != "parameter" or (is_index and self._graph.format == "ONNX"):
                continue
            tensor = self._tensors.get(each.name)
            found.setdefault(each.value if tensor is None else tensor.identity, each)
        return found

    def _size_of(self, parameter: GraphParameter) -> tuple[int, int]:
        """Return the elements and bytes of a parameter; 0 if its shape is unknown."""
        tensor = self._tensors.get(parameter.name)
        if tensor is not None:
            return tensor.elements, tensor.bytes
        if not all(isinstance(size, int) for size in parameter.shape):
            return 0, 0
        elements = prod(size for size in parameter.shape if isinstance(size, int))
        return elements, elements * BYTES.get(parameter.dtype, 0)


def _facts(node: GraphNode) -> str:
    """Return the plain arguments of a node."""
    parts = [
        f"{each.name}={each.text}" if each.name and not each.name.isdecimal() else each.text
        for each in node.attributes
    ]
    return _shortened(", ".join(parts))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_FACTS else f"{text[: _LONGEST_FACTS - 3]}..."


def root_label(checkpoint: Checkpoint) -> str:
    """Return the label of a model without a class: the name of its file or folder."""
    return os.path.basename(checkpoint.target.rstrip("/")) or "model"


def trainability_of(tensors: Iterable[NamedTensor]) -> Trainable:
    """Return which of some tensors are trainable, as far as the file contains it."""
    flags = {each.trainable for each in tensors if each.trainable is not None}
    return "none" if not flags else "partial" if len(flags) > 1 else "yes" if True in flags else "no"
