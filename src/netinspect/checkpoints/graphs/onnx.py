"""Graph of an ONNX model: nodes, nested graphs and functions, read field by field.

Exporters name the module that a node belongs to in three ways: by the scopes in its metadata, by a
namespace there, or by a name that is a path, such as `/layer1/layer1.0/conv1/Conv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from netinspect.checkpoints.formats.onnx_constant_nodes import (
    Sparse,
    is_constant,
    read_constant,
    read_sparse,
)
from netinspect.checkpoints.formats.onnx_tensors import LONGEST_NAME as LONGEST_VALUE
from netinspect.checkpoints.formats.onnx_tensors import read_described, read_pair
from netinspect.checkpoints.formats.onnx_values import read_value
from netinspect.checkpoints.graphs.collector import (
    DEEPEST_BODY,
    LONGEST_NAME,
    MOST_NODES,
    UNKNOWN,
    Call,
    Collector,
    GraphTooLarge,
)
from netinspect.checkpoints.graphs.onnx_attributes import Attribute, read_attribute
from netinspect.checkpoints.graphs.onnx_scopes import class_of_function, stack_of, with_repeated_calls
from netinspect.checkpoints.graphs.stack_traces import source_of
from netinspect.checkpoints.io.protobuf import BYTES, Wire
from netinspect.checkpoints.io.source import ByteSource
from netinspect.records.checkpoint import GraphTensor
from netinspect.records.file_graph import FileGraph, GraphBody, GraphParameter, NodeInput

Span = tuple[int, int]
Types = dict[str, GraphTensor]

_GRAPH, _FUNCTIONS = 7, 25
_LOOPS = {"Loop": 2, "Scan": 0, "SequenceMap": 0}
"""Operators that run a graph several times, with the first input that the graph takes too."""

_MOST_FUNCTIONS = 10_000
_NAMES_OF_METADATA = 20
_LONGEST_METADATA = 20_000
_STACK_TRACE = ("pkg.torch.onnx.stack_trace", "pkg.onnxscript.stack_trace")

_Origin = tuple[str, int | None]


class _Graph(NamedTuple):
    """Parts of one `GraphProto` or `FunctionProto`."""

    nodes: list[Span]
    inputs: list[GraphTensor]
    outputs: list[GraphTensor]
    types: Types
    stored: list[GraphParameter]
    name: str = ""


class _Node(NamedTuple):
    """Parts of one `NodeProto`."""

    operator: bytes
    domain: bytes
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: list[Span]
    metadata: dict[str, str]


class _Scope(NamedTuple):
    """The place of a graph that is read."""

    body: int
    module: int
    depth: int
    types: Mapping[str, GraphTensor]
    functions: tuple[tuple[bytes, bytes], ...]
    """The functions that are being read, to notice recursion."""


def read_onnx_graph(source: ByteSource) -> FileGraph:
    """Read the graph of an ONNX model.

    Raises:
        GraphTooLarge: It has more nodes or nested graphs than the limits.
        WireError: The file is damaged.
        LoadError: The file cannot be read.
    """
    return _Reader(source).read()


class _Reader:
    """Reader of one model, which collects its parts."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._wire = Wire(source, 4 * MOST_NODES * 20)
        self._found = Collector()
        self._functions: dict[tuple[bytes, bytes], Span] = {}

    def read(self) -> FileGraph:
        wire, found = self._wire, self._found
        graphs: list[Span] = []
        for number, kind, first, last in wire.fields(0, self._source.size):
            if kind == BYTES and number == _GRAPH:
                graphs.append((first, last))
            elif kind == BYTES and number == _FUNCTIONS:
                self._add_function((first, last))
        main = _Graph([], [], [], {}, [])
        for span in graphs[:MOST_NODES]:  # protobuf merges several into one
            self._parts(span, main)
        stored = {each.value for each in main.stored}
        inputs = tuple(each for each in main.inputs if each.name not in stored)
        known: dict[str, _Origin] = {each.name: ("input", None) for each in inputs}
        found.body(GraphBody(name=main.name, inputs=inputs))
        scope = _Scope(0, 0, 0, main.types, ())
        self._run(main, scope, known)
        parameters = [each.value for each in main.stored]
        found.modules = with_repeated_calls(found.modules, found.nodes, parameters)
        if not any(each.path for each in found.modules):
            found.note("no modules in the file: its nodes have no scopes and their names are not paths")
        values = [each for node in found.nodes for each in node.outputs]
        without = sum("..." in each.shape for each in values)
        if without:
            found.note(
                f"no shapes in the file for {without:,} of {len(values):,} values: "
                "onnx.shape_inference.infer_shapes adds them"
            )
        return found.graph(self._source.name, "ONNX")

    def _add_function(self, span: Span) -> None:
        name = domain = b""
        for number, kind, first, last in self._wire.fields(*span):
            if number == 1 and kind == BYTES:
                name = self._wire.read(first, last, LONGEST_NAME)
            elif number == 10 and kind == BYTES:
                domain = self._wire.read(first, last, LONGEST_NAME)
        if len(self._functions) == _MOST_FUNCTIONS:
            raise GraphTooLarge(f"it has more than {_MOST_FUNCTIONS:,} functions")
        self._functions.setdefault((domain, name), span)

    # --- graphs ----------------------------------------------------------------------------------

    def _parts(self, span: Span, into: _Graph) -> _Graph:
        """Read the parts of a `GraphProto`, without its nodes."""
        wire = self._wire
        values: list[GraphTensor] = []
        for number, kind, first, last in wire.fields(*span):
            if kind != BYTES:
                continue
            if number == 1:
                into.nodes.append((first, last))
            elif number in (11, 12, 13):
                value = self._value(first, last)
                values.append(value)
                if number != 13:
                    (into.inputs if number == 11 else into.outputs).append(value)
            elif number == 5:
                described = read_described(wire, first, last)
                into.stored.append(self._stored(described.name, described.dtype, described.shape))
            elif number == 15:
                sparse = read_sparse(wire, first, last)
                into.stored.append(
                    self._stored(sparse.values.name, f"sparse {sparse.values.dtype}", sparse.shape)
                )
        into.types.update((each.name, each) for each in values)
        return into

    def _value(self, first: int, last: int) -> GraphTensor:
        value = read_value(self._wire, first, last)
        self._found.count(1)
        return self._found.tensor(value.name, value.dtype, value.shape)

    def _stored(
        self, name: str, dtype: str, shape: tuple[int | str, ...], kind: str = "parameter"
    ) -> GraphParameter:
        name = self._found.text(name)
        return GraphParameter(value=name, name=name, kind=kind, dtype=dtype, shape=shape)  # type: ignore[arg-type]

    def _run(self, graph: _Graph, scope: _Scope, known: dict[str, _Origin]) -> None:
        """Collect the nodes and outputs of a graph."""
        for each in graph.stored:
            self._found.parameter(each)
            known[each.value] = ("parameter", None)
        nodes = [self._node(span) for span in graph.nodes]
        made = {name for node in nodes for name in node.outputs}
        for node in nodes:
            self._add(node, scope, known, made)
        results = [self._input(each.name, known, made) for each in graph.outputs]
        outputs = [self._typed(each.name, graph.types) for each in graph.outputs]
        self._found.end_body(scope.body, outputs, results)

    def _node(self, span: Span) -> _Node:
        wire, found = self._wire, self._found
        operator = domain = b""
        name = ""
        inputs: list[str] = []
        outputs: list[str] = []
        attributes: list[Span] = []
        metadata: dict[str, str] = {}
        for number, kind, first, last in wire.fields(*span):
            if kind != BYTES:
                continue
            if number in (1, 2):
                found.count(1)
                (inputs if number == 1 else outputs).append(self._name(first, last))
            elif number == 3:
                name = self._name(first, last)
            elif number == 4:
                operator = wire.read(first, last, LONGEST_NAME)
            elif number == 7:
                domain = wire.read(first, last, LONGEST_NAME)
            elif number == 5:
                attributes.append((first, last))
            elif number == 9 and len(metadata) < _NAMES_OF_METADATA:
                key, value = read_pair(wire, first, last, _LONGEST_METADATA)
                metadata[key] = value
        return _Node(operator, domain, name, inputs, outputs, attributes, metadata)

    def _name(self, first: int, last: int) -> str:
        return self._found.text(self._wire.text(first, last, LONGEST_VALUE))

    # --- nodes -----------------------------------------------------------------------------------

    def _add(self, node: _Node, scope: _Scope, known: dict[str, _Origin], made: set[str]) -> None:
        """Collect one node, and then the nodes of the graphs in it."""
        found = self._found
        if is_constant(node.operator, node.domain):
            self._constant(node, known)
            return
        domain = node.domain.decode("utf-8", "backslashreplace")
        operator = node.operator.decode("utf-8", "backslashreplace") or "?"
        attributes = [read_attribute(self._wire, span) for span in node.attributes]
        function = self._functions.get((node.domain, node.operator))
        module = found.module_in(scope.module, stack_of(node.name, node.metadata))
        trace = next((node.metadata[key] for key in _STACK_TRACE if key in node.metadata), "")
        # A missing optional input has an empty name.
        places = [place for place, name in enumerate(node.inputs) if name]
        index = found.node(
            operator if domain in ("", "ai.onnx") else f"{domain}.{operator}",
            operator,
            name=node.name,
            module=module,
            body=scope.body,
            inputs=[self._input(node.inputs[place], known, made) for place in places],
            outputs=[self._typed(name, scope.types) for name in node.outputs if name],
            attributes=[(each.name, each.kind, each.text) for each in attributes if not each.graphs],
            source=source_of(trace, found),
        )
        inner = scope._replace(depth=scope.depth + 1, module=module)
        if (function is not None or any(each.graphs for each in attributes)) and (
            scope.depth == DEEPEST_BODY
        ):
            raise GraphTooLarge(f"it has more than {DEEPEST_BODY} graphs within each other")
        operands = {place: number for number, place in enumerate(places)}
        for attribute in attributes:
            self._inner_graphs(attribute, index, operator, operands, inner, known)
        if function is not None:
            self._call(function, node, index, operands, inner)
        known.update((name, ("node", index)) for name in node.outputs if name)

    def _constant(self, node: _Node, known: dict[str, _Origin]) -> None:
        """Add the tensor of a Constant node as a parameter of the graph."""
        if not node.outputs:
            return
        dtype = "?"
        shape: tuple[int | str, ...] = UNKNOWN
        for span in node.attributes:
            value = read_constant(self._wire, span)
            if isinstance(value, Sparse):
                dtype, shape = f"sparse {value.values.dtype}", value.shape
            elif value is not None:
                dtype, shape = value.dtype, value.shape
        self._found.parameter(self._stored(node.outputs[0], dtype, shape, "constant"))
        known[node.outputs[0]] = ("parameter", None)

    def _inner_graphs(
        self,
        attribute: Attribute,
        owner: int,
        operator: str,
        operands: dict[int, int],
        scope: _Scope,
        known: dict[str, _Origin],
    ) -> None:
        """Collect the graphs of an attribute; they see the values of the graphs around them."""
        for number, span in enumerate(attribute.graphs):
            graph = self._parts(span, _Graph([], [], [], {}, []))
            first = _LOOPS.get(operator)
            places = range(len(graph.inputs))
            given: list[int | None] = [
                None if first is None or place < first - 1 else operands.get(place) for place in places
            ]
            name = attribute.name if len(attribute.graphs) == 1 else f"{attribute.name}.{number}"
            kind = "branch" if operator == "If" else "graph" if first is None else "loop"
            body = self._found.body(
                GraphBody(
                    name=self._found.text(name),
                    owner=owner,
                    kind=kind,  # type: ignore[arg-type]
                    inputs=tuple(graph.inputs),
                    operands=tuple(given),
                )
            )
            inputs: dict[str, _Origin] = {each.name: ("input", None) for each in graph.inputs}
            types = {**scope.types, **graph.types} if graph.types else scope.types
            self._run(graph, scope._replace(body=body, types=types), {**known, **inputs})

    def _call(
        self, span: Span, node: _Node, owner: int, operands: dict[int, int], scope: _Scope
    ) -> None:
        """Collect the nodes of a function of the model where it is called."""
        key = (node.domain, node.operator)
        if key in scope.functions:
            self._found.note(f"functions that call themselves are not followed: {key[1]!r:.60}")
            return
        wire, found = self._wire, self._found
        graph = _Graph([], [], [], {}, [])
        for number, kind, first, last in wire.fields(*span):
            if kind != BYTES:
                continue
            if number in (4, 5):
                value = found.tensor(self._name(first, last))
                (graph.inputs if number == 4 else graph.outputs).append(value)
            elif number == 7:
                graph.nodes.append((first, last))
            elif number == 12:
                value = self._value(first, last)
                graph.types[value.name] = value
        if class_path := class_of_function(*key):
            # Exporters of torch 2.1 to 2.4 wrote each module as a function.
            call = Call(node.name or class_path.rpartition(".")[2], class_path)
            scope = scope._replace(module=found.module_in(scope.module, [call]))
        body = found.body(
            GraphBody(
                name=found.nodes[owner].label,
                owner=owner,
                kind="function",
                inputs=tuple(graph.inputs),
                operands=tuple(operands.get(place) for place in range(len(graph.inputs))),
            )
        )
        known: dict[str, _Origin] = {each.name: ("input", None) for each in graph.inputs}
        inner = scope._replace(body=body, types=graph.types, functions=(*scope.functions, key))
        self._run(graph, inner, known)

    def _typed(self, name: str, types: Mapping[str, GraphTensor]) -> GraphTensor:
        return types.get(name) or self._found.tensor(name)

    def _input(self, name: str, known: dict[str, _Origin], made: set[str]) -> NodeInput:
        kind, producer = known.get(name, ("unknown", None))
        if kind == "unknown":
            if name in made:
                self._found.read_early()
            else:
                self._found.read_undefined()
        return NodeInput(value=name, producer=producer, kind=kind)  # type: ignore[arg-type]
