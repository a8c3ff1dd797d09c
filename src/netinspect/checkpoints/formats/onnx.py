"""ONNX models: tensors, and the inputs, outputs and operators of the graph.

Messages are read field by field and the data of tensors is skipped. So positions are known, the time
depends on the graph and not on the size of the file, and the `onnx` package is not needed.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice

from netinspect.checkpoints.formats.onnx_constant_nodes import (
    Sparse,
    is_constant,
    read_constant,
    read_sparse,
)
from netinspect.checkpoints.formats.onnx_tensors import (
    LONGEST_NAME,
    Tensors,
    read_described,
    read_pair,
)
from netinspect.checkpoints.formats.onnx_values import read_value
from netinspect.checkpoints.io.protobuf import BYTES, NUMBER, Wire, WireError, signed
from netinspect.checkpoints.io.short_text import LONGEST_TEXT, some
from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, Entry, Graph, GraphTensor, Operator

# Fields of `ModelProto` with their kinds, and of `GraphProto`.
_MODEL_NUMBERS = {1: "ir_version", 5: "model_version"}
_MODEL_TEXTS = {2: "producer_name", 3: "producer_version", 4: "domain", 6: "doc_string"}
_GRAPH, _OPSETS, _METADATA, _TRAINING, _FUNCTIONS, _CONFIGURATION = 7, 8, 14, 20, 25, 26
_MODEL = {**dict.fromkeys(_MODEL_NUMBERS, NUMBER), **dict.fromkeys(_MODEL_TEXTS, BYTES)} | dict.fromkeys(
    (_GRAPH, _OPSETS, _METADATA, _TRAINING, _FUNCTIONS, _CONFIGURATION), BYTES
)
_IN_GRAPH = {1, 2, 5, *range(10, 17)}

_MOST_TO_RECOGNIZE = 200_000
_MOST_ENTRIES = 10_000
_MOST_VALUES = 100_000
_MOST_OPERATORS = 10_000
_MOST_GRAPHS = 50_000
_MOST_NODES = 500_000
_DEEPEST_GRAPH = 32
_LONGEST_LABEL = 100
_LONGEST_OPERATOR = 1000
_SHORT = 64

_VERSION = 1
_LARGEST_NUMBER = 63
"""Largest number of a field that a later version may add."""

_CHECKED_FIELDS = 1000
_KNOWN_DOMAINS = ("ai.onnx.", "ai.onnx.ml.", "com.microsoft.", "org.pytorch.aten.")
_PYTHON_OPERATORS = ("PythonOp", "PyOp", "PyCustomOp")
Span = tuple[int, int]


def is_onnx(source: ByteSource) -> bool:
    """Return whether a file is an ONNX model, complete or truncated within its graph.

    Other protobuf messages may have the same first fields, so all outermost fields and those of the
    graph are checked, in any order.

    Raises:
        LoadError: The file cannot be read.
    """
    graphs: list[Span] = []
    versions: list[int] = []
    try:
        for number, kind, first, last in Wire(source, _MOST_TO_RECOGNIZE).fields(0, source.size):
            if _MODEL.get(number, kind) != kind or number > _LARGEST_NUMBER:
                return False
            if number == _GRAPH:
                graphs.append((first, last))
            elif number == _VERSION:
                versions.append(first)
    except WireError as error:
        if not versions or error.cut not in (None, _GRAPH):
            return False
        return bool(graphs) or error.cut == _GRAPH
    wire = Wire(source)
    try:
        return bool(graphs) and all(
            number in _IN_GRAPH and kind == BYTES
            for begin, end in graphs
            for number, kind, _, _ in islice(wire.fields(begin, end), _CHECKED_FIELDS)
        )
    except WireError:
        return bool(versions)


def read_onnx(source: ByteSource) -> Checkpoint:
    """Read an ONNX model: initializers, graph and metadata.

    Of files with external data only the size is read.

    Raises:
        CheckpointError: The file is damaged, or has more fields than the limit.
        LoadError: The file cannot be read.
    """
    try:
        return _Model(source).read()
    except WireError as error:
        if error.cut is not None:
            raise CheckpointError(
                f"{source.name} is not whole", cause=str(error), hint="fetch it again"
            ) from None
        raise CheckpointError(f"{source.name} is not a valid ONNX file", cause=str(error)) from None


def examine_onnx(source: ByteSource) -> tuple[int, list[str]]:
    """Check a file, and report operators that are implemented outside it; see `Format.examine`."""
    graph = read_onnx(source).graph
    own = [
        each.name
        for each in (() if graph is None else graph.operators)
        if ("." in each.name and not each.name.startswith(_KNOWN_DOMAINS))
        or each.name.rpartition(".")[2] in _PYTHON_OPERATORS
    ]
    text = f"its custom operators, whose code is elsewhere: {some(own, 3)}"
    return source.size, [text] if own else []


class _Model:
    """Reader of one model, which collects its parts."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._wire = Wire(source)
        self._tensors = Tensors(source)
        self._entries: list[Entry] = []
        self._inputs: list[GraphTensor] = []
        self._outputs: list[GraphTensor] = []
        self._operators: Counter[tuple[bytes, bytes]] = Counter()
        self._sections: Counter[str] = Counter()
        self._waiting: list[tuple[Span, str, int]] = []
        self._graphs = 0

    def read(self) -> Checkpoint:
        """Read the model."""
        wire = self._wire
        functions: list[Span] = []
        training: list[Span] = []
        graphs: list[Span] = []
        for number, kind, first, last in wire.fields(0, self._source.size):
            if _MODEL.get(number) != kind:
                continue
            if number in _MODEL_NUMBERS:
                self._add_entry(_MODEL_NUMBERS[number], "int64", str(signed(first)))
            elif number in _MODEL_TEXTS:
                self._add_entry(_MODEL_TEXTS[number], "string", wire.text(first, last))
            elif number == _OPSETS:
                self._opset(first, last)
            elif number == _METADATA:
                key, value = read_pair(wire, first, last)
                self._add_entry(f"metadata_props.{key}", "string", value)
            elif number in (_GRAPH, _TRAINING, _FUNCTIONS):
                spans = {_GRAPH: graphs, _TRAINING: training}.get(number, functions)
                spans.append((first, last))
                if len(spans) > _MOST_GRAPHS:
                    raise WireError(f"it has more than {_MOST_GRAPHS:,} graphs")
        for span in graphs:  # protobuf merges several into one
            self._graph(span, "", 0, outermost=True)
        self._read_waiting()
        uses = _uses(self._operators)
        for span in functions:
            self._function(span)
        for index, span in enumerate(training):
            self._training(span, f"training_info.{index}")
        given = {tensor.name for tensor in self._tensors.stored if not tensor.section}
        return Checkpoint(
            target=self._source.name,
            format="ONNX",
            files=tuple(self._tensors.files),
            tensors=tuple(self._tensors.stored),
            metadata=tuple(self._entries),
            graph=Graph(
                inputs=tuple(each for each in self._inputs if each.name not in given),
                outputs=tuple(self._outputs),
                operators=uses,
            ),
            problems=self._tensors.problems,
        )

    def _add_entry(self, name: str, kind: str, text: str) -> None:
        if len(self._entries) == _MOST_ENTRIES:
            raise WireError(f"it has more than {_MOST_ENTRIES:,} values of metadata")
        self._entries.append(Entry(name=name, type=kind, text=text))

    def _opset(self, begin: int, end: int) -> None:
        domain, version = "", 0
        for number, kind, first, last in self._wire.fields(begin, end):
            if number == 1 and kind == BYTES:
                domain = self._wire.text(first, last)
            elif number == 2 and kind == NUMBER:
                version = signed(first)
        self._add_entry(f"opset_import.{domain or 'ai.onnx'}", "int64", str(version))

    # --- graphs ----------------------------------------------------------------------------------

    def _graph(self, span: Span, section: str, depth: int, *, outermost: bool = False) -> None:
        """Read one graph; graphs in its nodes are queued."""
        wire = self._wire
        index = 0
        for number, kind, first, last in wire.fields(*span):
            if kind != BYTES:
                continue
            if number == 1:
                self._node(first, last, index, section, depth)
                index += 1
            elif number == 5:
                self._tensors.add(section, read_described(wire, first, last))
            elif number == 15:
                self._sparse(section, "", read_sparse(wire, first, last))
            elif number in (11, 12) and outermost:
                values = self._inputs if number == 11 else self._outputs
                if len(values) == _MOST_VALUES:
                    raise WireError(f"its graph has more than {_MOST_VALUES:,} inputs or outputs")
                values.append(read_value(wire, first, last))
            elif number in (2, 10) and outermost:
                name = "graph.name" if number == 2 else "graph.doc_string"
                self._add_entry(name, "string", wire.text(first, last))
            elif number == 16 and outermost:
                key, value = read_pair(wire, first, last)
                self._add_entry(f"graph.metadata_props.{key}", "string", value)

    def _read_waiting(self) -> None:
        """Read the queued graphs and the graphs in their nodes, in the order of the file."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            for span, section, depth in waiting:
                self._graph(span, section, depth)

    def _node(self, begin: int, end: int, index: int, section: str, depth: int) -> None:
        wire = self._wire
        name = operator = domain = b""
        output: Span | None = None
        attributes: list[Span] = []
        for number, kind, first, last in wire.fields(begin, end):
            if kind != BYTES:
                continue
            if number == 4:
                operator = wire.read(first, last, _LONGEST_OPERATOR)
            elif number == 3:
                name = wire.read(first, last, _LONGEST_LABEL)
            elif number == 7:
                domain = wire.read(first, last, _LONGEST_OPERATOR)
            elif number == 5:
                attributes.append((first, last))
            elif number == 2 and output is None:
                output = (first, last)
        self._operators[domain, operator] += 1
        if len(self._operators) > _MOST_OPERATORS:
            raise WireError(f"its graph has more than {_MOST_OPERATORS:,} different operators")
        label = (name or operator + b"_%d" % index).decode("utf-8", "backslashreplace")
        if is_constant(operator, domain):
            own = "" if output is None else wire.text(*output, LONGEST_NAME)
            self._constant(attributes, section, own or label)
            return
        inner: list[tuple[str, Span]] = []
        for span in attributes:
            # Most attributes are a few numbers: one without the tag of a graph has no graph.
            if span[1] - span[0] <= _SHORT:
                raw = wire.read(*span, _SHORT)
                if b"\x32" not in raw and b"\x5a" not in raw:
                    continue
            inner += self._graphs_in(span)
        self._graphs += len(inner)
        if self._graphs > _MOST_GRAPHS or (inner and depth == _DEEPEST_GRAPH):
            raise WireError("it has too many nested graphs")
        if inner:
            within = self._section(f"{section}.{label}" if section else label)
            self._waiting += [(span, f"{within}.{each}", depth + 1) for each, span in inner]

    def _constant(self, attributes: list[Span], section: str, name: str) -> None:
        """Add the tensor of a Constant node under the name of its output."""
        for span in attributes:
            found = read_constant(self._wire, span)
            if found is None:
                continue
            if isinstance(found, Sparse):
                self._sparse(section, name, found)
            else:
                found.name = name
                self._tensors.add(section, found)
            return

    def _graphs_in(self, attribute: Span) -> list[tuple[str, Span]]:
        """Return the graphs of an attribute, each with its name in the node."""
        name = ""
        inner: list[Span] = []
        for number, kind, first, last in self._wire.fields(*attribute):
            if number == 1 and kind == BYTES:
                name = self._wire.text(first, last, _LONGEST_LABEL)
            elif number in (6, 11) and kind == BYTES:  # a graph, or several
                inner.append((first, last))
        if len(inner) == 1:
            return [(name, inner[0])]
        return [(f"{name}.{index}", each) for index, each in enumerate(inner)]

    def _section(self, label: str) -> str:
        """Return a unique name for a node with graphs; several nodes may have one name."""
        self._sections[label] += 1
        number = self._sections[label]
        return label if number == 1 else f"{label}#{number}"

    def _sparse(self, section: str, name: str, found: Sparse) -> None:
        found.values.name = name or found.values.name
        self._tensors.add_sparse(section, *found)

    def _training(self, span: Span, section: str) -> None:
        for number, kind, first, last in self._wire.fields(*span):
            if number in (1, 2) and kind == BYTES:
                label = "initialization" if number == 1 else "algorithm"
                self._graph((first, last), f"{section}.{label}", 0)
        self._read_waiting()

    def _function(self, span: Span) -> None:
        """Add a function of the model with its operators; its constants are tensors."""
        name = domain = ""
        nodes: list[Span] = []
        self._operators = Counter()
        for number, kind, first, last in self._wire.fields(*span):
            if number == 1 and kind == BYTES:
                name = self._wire.text(first, last, _LONGEST_LABEL)
            elif number == 10 and kind == BYTES:
                domain = self._wire.text(first, last, _LONGEST_LABEL)
            elif number == 7 and kind == BYTES:
                if len(nodes) == _MOST_NODES:
                    raise WireError(f"a function has more than {_MOST_NODES:,} nodes")
                nodes.append((first, last))
        section = self._section(f"functions.{name}")  # the name may follow the nodes
        for index, (first, last) in enumerate(nodes):
            self._node(first, last, index, section, 0)
        self._read_waiting()
        runs = ", ".join(f"{each.name} {each.uses:,}" for each in _uses(self._operators))
        self._add_entry(f"functions.{domain}.{name}", "function", runs[:LONGEST_TEXT])


def _uses(operators: Counter[tuple[bytes, bytes]]) -> tuple[Operator, ...]:
    """Return the operators by number of uses; those with equal numbers in the order of the file."""
    return tuple(
        Operator(name=_operator(*key).decode("utf-8", "backslashreplace"), uses=uses)
        for key, uses in operators.most_common()
    )


def _operator(domain: bytes, name: bytes) -> bytes:
    return name if domain in (b"", b"ai.onnx") else domain + b"." + name
