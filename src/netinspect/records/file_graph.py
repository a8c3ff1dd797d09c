"""`FileGraph`, the record of the computation graph in a model file.

It is read without torch and without executing anything, and contains only what the file states: an
unknown shape or class stays unknown, and costs are not part of any of these formats.
"""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint import Entry, GraphTensor
from netinspect.records.steps import SourceLine


@record
class GraphModule:
    """One call of a module that the file assigns nodes to."""

    path: str
    """Dotted path of the module; empty for the model itself."""

    class_path: str = ""
    """Full name of its class; empty if the file does not state it."""

    parent: int | None = None
    """Index of the enclosing call in `FileGraph.modules`; None for the model itself."""

    call: int = 1
    """Number of the call of this module, from 1; always 1 if the format does not distinguish calls."""


@record
class GraphParameter:
    """A parameter, buffer or constant that nodes read."""

    value: str
    """Its name in the graph."""

    name: str
    """Dotted name of the tensor in the file; the name in the graph if it has no other."""

    kind: OneOf["parameter", "buffer", "constant"]
    """`parameter` too if the format does not distinguish buffers from parameters."""

    dtype: str = "?"
    shape: tuple[int | str, ...] = ("...",)
    """Sizes, with the same conventions as `GraphTensor.shape`."""


@record
class NodeInput:
    """One value that a node reads."""

    value: str
    """Name of the value in the graph."""

    argument: str = ""
    """Name of the operator's argument; empty if the format has only positions."""

    producer: int | None = None
    """Index of the node that makes the value; None if no node does."""

    kind: OneOf["node", "input", "parameter", "unknown"] = "node"
    """`input` for an input of the graph or of the nested graph that contains the node, `unknown` for a
    name that nothing in the file defines."""


@record
class GraphNode:
    """One operator, or one call of a function that the file defines."""

    operator: str
    """Full name of the operator, such as `aten.conv2d.default`, `Conv` or `torch.nn.functional.relu`."""

    label: str
    """Short name of the operator, such as `conv2d`."""

    name: str = ""
    """Name of the node in the file, which need not be unique."""

    module: int = 0
    """Index of the innermost module call that it belongs to, in `FileGraph.modules`."""

    body: int = 0
    """Index of the graph that contains it, in `FileGraph.bodies`."""

    inputs: tuple[NodeInput, ...] = ()
    outputs: tuple[GraphTensor, ...] = ()
    attributes: tuple[Entry, ...] = ()
    """Arguments that are not values of the graph, as text."""

    source: SourceLine | None = None
    """The innermost line outside torch that made the call; None if the file has no stack traces."""


@record
class GraphBody:
    """The main graph, or a graph nested in a node, such as a branch or the body of a loop."""

    name: str = ""
    owner: int | None = None
    """Index of the node that contains it; None for the main graph."""

    kind: OneOf["main", "branch", "loop", "function", "graph"] = "main"
    inputs: tuple[GraphTensor, ...] = ()
    operands: tuple[int | None, ...] = ()
    """For each input the index of the owner's input that it is, at least at first; None if the owner's
    inputs do not determine it. Empty for the main graph."""

    outputs: tuple[GraphTensor, ...] = ()
    results: tuple[NodeInput, ...] = ()
    """Origin of each output; `argument` is the name that the owner has for it, if it has one."""


@record
class FileGraph:
    """The computation graph of a model file."""

    schema: ClassVar[str] = "netinspect-file-graph"
    schema_version: ClassVar[int] = 1

    target: str
    """The target as typed."""

    format: OneOf["exported program", "ONNX", "TorchScript"]
    modules: tuple[GraphModule, ...]
    """Calls of modules, each after the one that encloses it; the model itself is first."""

    bodies: tuple[GraphBody, ...]
    """The main graph, then the graphs nested in nodes, in order of their owners."""

    nodes: tuple[GraphNode, ...]
    """Nodes of all graphs: those of a nested graph follow its owner, in the order of the file."""

    parameters: tuple[GraphParameter, ...] = ()
    notes: tuple[str, ...] = ()
    """Notes on parts that the file does not contain, or that could not be followed."""

    @property
    def main(self) -> GraphBody:
        """The main graph."""
        return self.bodies[0]

    def __repr__(self) -> str:
        # The generated repr would fill many screens of a session.
        return f"<FileGraph {self.target!r}: {self.format}, {len(self.nodes)} nodes>"
