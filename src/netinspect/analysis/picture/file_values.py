"""Values of a file's graph: what makes and reads them, through nested graphs and nodes not drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from netinspect.analysis.picture.calls import Read
from netinspect.analysis.picture.file_numbers import number_nodes, sources_through
from netinspect.records.checkpoint import GraphTensor
from netinspect.records.file_graph import FileGraph, GraphNode, GraphParameter, NodeInput
from netinspect.records.report_header import Operand
from netinspect.records.values import TensorSpec

BYTES = {
    **dict.fromkeys(("bool", "uint8", "int8"), 1),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("float32", "int32", "uint32", "complex32"), 4),
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    "complex128": 16,
}
"""Bytes of an element by dtype; others have no known size here."""


class FileValues:
    """Values of a graph, and the calls that make them."""

    def __init__(self, graph: FileGraph) -> None:
        self._graph = graph
        self.numbers = number_nodes(graph)
        """For each node whether it is left out of the picture."""

        self.nested: dict[int, list[int]] = {}
        """The graphs in each node that are drawn: not those in functions of torch."""

        for body, each in enumerate(graph.bodies):
            if each.owner is not None and not graph.nodes[each.owner].operator.startswith("torch."):
                self.nested.setdefault(each.owner, []).append(body)
        self.call_of: dict[int, int] = {}
        """The call of each node that is drawn."""

        self.input_of: dict[str, int] = {}
        """The call of each input of the model."""

        self._through = sources_through(graph, self.numbers)
        self._parameters = {each.value: each for each in graph.parameters}
        self._readers = self._find_readers()
        self._bodies: list[list[int]] = [[] for _ in graph.bodies]
        for index, node in enumerate(graph.nodes):
            self._bodies[node.body].append(index)

    def sources(self, value: str, producer: int | None, kind: str, body: int) -> tuple[int, ...]:
        """Return the calls that make a value."""
        while kind == "input" and body:
            graph = self._graph.bodies[body]
            assert graph.owner is not None
            owner = self._graph.nodes[graph.owner]
            places = [
                operand
                for each, operand in zip(graph.inputs, graph.operands, strict=False)
                if each.name == value and operand is not None and operand < len(owner.inputs)
            ]
            if not places:
                return ()
            given = owner.inputs[places[0]]
            value, producer, kind, body = given.value, given.producer, given.kind, owner.body
        if kind == "input":
            return (self.input_of[value],) if value in self.input_of else ()
        if producer is None:
            return ()
        made = [self._made(source, value) for source in self._through[producer]]
        return tuple(dict.fromkeys(call for calls in made for call in calls if call is not None))

    def _made(self, index: int, value: str) -> list[int | None]:
        """Return the call of a node, or the calls in it that make one of its values."""
        bodies = self.nested.get(index)
        node = self._graph.nodes[index]
        place = next((at for at, each in enumerate(node.outputs) if each.name == value), None)
        found: list[int | None] = []
        for body in bodies or () if place is not None else ():
            graph = self._graph.bodies[body]
            at = (place or 0) + max(0, len(graph.results) - len(node.outputs))
            if at < len(graph.results) and (inner := graph.results[at].producer) is not None:
                for each in self._through[inner]:
                    if self._is_inside(each, index):
                        found += self._made(each, graph.results[at].value)
        return found or [self.call_of.get(index)]

    def _is_inside(self, index: int, owner: int) -> bool:
        at: int | None = index
        while at is not None and at > owner:
            at = self._graph.bodies[self._graph.nodes[at].body].owner
        return at == owner

    def reads(self, index: int) -> list[Read]:
        """Return the tensors that a node reads from calls."""
        node = self._graph.nodes[index]
        reads = []
        for each in node.inputs:
            sources = self.sources(each.value, each.producer, each.kind, node.body)
            if sources:
                tensor = self._tensor(each, node.body)
                reads.append(Read(sources, shape_of(tensor), bytes_of(tensor)))
        return reads

    def _tensor(self, read: NodeInput, body: int) -> GraphTensor | None:
        """Return the value that a node of a graph reads; None for a parameter."""
        if read.producer is not None:
            values = self._graph.nodes[read.producer].outputs
        else:
            values = self._graph.bodies[body].inputs if read.kind == "input" else ()
        return next((each for each in values if each.name == read.value), None)

    def operands_of(self, node: GraphNode) -> Iterable[Operand]:
        """Return the tensors that a node reads, parameters included."""
        for place, each in enumerate(node.inputs):
            name = each.argument or str(place)
            if (stored := self._parameter(each, node.body)) is not None:
                tensor = GraphTensor(name=stored.name, dtype=stored.dtype, shape=stored.shape)
                name = local_name(stored) or name
                yield from operands([tensor], name)
            elif (found := self._tensor(each, node.body)) is not None:
                yield from operands([found], name)

    def inputs_of(self, nodes: Sequence[int]) -> Iterable[Operand]:
        """Return the values that nodes read from others, each once."""
        inside = set(nodes)
        seen: set[str] = set()
        for index in nodes:
            node = self._graph.nodes[index]
            for each in node.inputs:
                is_from_outside = each.kind == "input" or (
                    each.producer is not None and each.producer not in inside
                )
                if is_from_outside and each.value not in seen:
                    seen.add(each.value)
                    if (tensor := self._tensor(each, node.body)) is not None:
                        yield from operands([tensor], str(len(seen) - 1))

    def outputs_of(self, nodes: Sequence[int]) -> list[GraphTensor]:
        """Return the values that nodes make for others, or for the graph that contains them."""
        inside = set(nodes)
        return [
            each
            for index in nodes
            for each in self._graph.nodes[index].outputs
            if any(reader not in inside for reader in self._readers.get((index, each.name), ()))
        ]

    def stored_of(self, index: int) -> Iterable[GraphParameter]:
        """Return the parameters that a node reads, also through copies and from around its graph."""
        node = self._graph.nodes[index]
        found = (self._parameter(each, node.body) for each in node.inputs)
        return (each for each in found if each is not None)

    def _parameter(self, read: NodeInput, body: int) -> GraphParameter | None:
        """Return the parameter that a node of a graph reads; None if it is not one."""
        kind: str = read.kind
        value, producer = read.value, read.producer
        while kind == "node" and producer is not None and self.numbers[producer]:
            inputs = self._graph.nodes[producer].inputs
            if self._graph.nodes[producer].label != "Identity" or len(inputs) != 1:
                break
            kind, value, producer = inputs[0].kind, inputs[0].value, inputs[0].producer
        while kind == "input" and body:
            given = self._given(body, value)
            if given is None:
                break
            kind, value, body = given
        return self._parameters.get(value) if kind == "parameter" else None

    def all_stored(self, nodes: Iterable[int]) -> Iterable[GraphParameter]:
        """Return the parameters that nodes and the graphs in them read."""
        waiting = list(nodes)
        for index in waiting:
            yield from self.stored_of(index)
            for body in self.nested.get(index, ()):
                waiting += self._bodies[body]

    def _given(self, body: int, value: str) -> tuple[str, str, int] | None:
        """Return kind, name and graph of the value passed as an input of a nested graph, or None."""
        graph = self._graph.bodies[body]
        assert graph.owner is not None
        owner = self._graph.nodes[graph.owner]
        for each, operand in zip(graph.inputs, graph.operands, strict=False):
            if each.name == value and operand is not None and operand < len(owner.inputs):
                given = owner.inputs[operand]
                return given.kind, given.value, owner.body
        return None

    def _find_readers(self) -> dict[tuple[int, str], list[int]]:
        """Return for each value the nodes that read it; -1 for the end of a graph."""
        found: dict[tuple[int, str], list[int]] = {}
        for index, node in enumerate(self._graph.nodes):
            for each in node.inputs:
                if each.producer is not None:
                    at: int | None = index
                    while at is not None and self._graph.nodes[at].body != (
                        self._graph.nodes[each.producer].body
                    ):
                        at = self._graph.bodies[self._graph.nodes[at].body].owner
                    if at is not None:
                        found.setdefault((each.producer, each.value), []).append(at)
        for body in self._graph.bodies:
            for each in body.results:
                if each.producer is not None:
                    found.setdefault((each.producer, each.value), []).append(-1)
        return found


def local_name(parameter: GraphParameter) -> str:
    """Return the name of a parameter in its module; empty for names that an exporter invented."""
    path, _, name = parameter.name.rpartition(".")
    return name if path and parameter.kind != "constant" else ""


def results_of(tensors: Sequence[GraphTensor]) -> tuple[Operand, ...]:
    """Return what a call returned as operands, named by position if there are several."""
    is_one = len(tensors) == 1
    return tuple(
        operand
        for place, each in enumerate(tensors)
        for operand in operands([each], "" if is_one else str(place))
    )


def shape_of(tensor: GraphTensor | None) -> tuple[int | str, ...] | None:
    """Return the shape of a tensor; None if it is unknown."""
    return None if tensor is None or "..." in tensor.shape else tensor.shape


def bytes_of(tensor: GraphTensor | None) -> int:
    """Return the bytes of a tensor; 0 if its shape or dtype is unknown."""
    if tensor is None or not all(isinstance(size, int) and size >= 0 for size in tensor.shape):
        return 0
    return prod(size for size in tensor.shape if isinstance(size, int)) * BYTES.get(tensor.dtype, 0)


def operands(tensors: Iterable[GraphTensor], name: str | None = None) -> tuple[Operand, ...]:
    """Return tensors as operands, without those of unknown shape."""
    return tuple(
        Operand(
            name=each.name if name is None else name,
            spec=TensorSpec(shape=each.shape, dtype=each.dtype, device="", bytes=bytes_of(each)),
        )
        for each in tensors
        if shape_of(each) is not None
    )
