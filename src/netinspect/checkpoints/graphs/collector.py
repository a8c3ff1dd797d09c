"""Collector of the parts of one graph, with limits on what a file can make it hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netinspect.records.base import replace
from netinspect.records.checkpoint import Entry, GraphTensor
from netinspect.records.file_graph import (
    FileGraph,
    GraphBody,
    GraphModule,
    GraphNode,
    GraphParameter,
    NodeInput,
)
from netinspect.records.steps import SourceLine

MOST_NODES = 50_000
DEEPEST_BODY = 32
"""Largest number of graphs within each other."""

LONGEST_NAME = 300
LONGEST_TEXT = 200
UNKNOWN = ("...",)
"""Shape of a value of which not even the number of dimensions is known."""

_DEEPEST_MODULE = 64
_MOST_VALUES = 400_000
_MOST_LETTERS = 24 << 20
_MOST_NOTES = 20


class Call(NamedTuple):
    """One level of the stack of module calls around a node."""

    path: str
    class_path: str = ""
    call: int = 1


class GraphTooLarge(Exception):
    """A file has more nodes, values or letters than the limits, which its message names."""


class Collector:
    """Nodes, nested graphs, modules and parameters in the order in which a reader meets them."""

    def __init__(self) -> None:
        self.modules = [GraphModule(path="")]
        self.bodies: list[GraphBody] = []
        self.nodes: list[GraphNode] = []
        self.notes: dict[str, None] = {}
        self._parameters: dict[str, GraphParameter] = {}
        self._calls: dict[tuple[int, Call], int] = {}
        self._texts: dict[str, str] = {}
        self._letters = 0
        self._values = 0
        self._early = 0
        self._undefined = 0

    # --- parts -----------------------------------------------------------------------------------

    def text(self, text: str, longest: int = LONGEST_NAME) -> str:
        """Return a text of the file, shortened if it is long; equal texts are one object.

        Raises:
            GraphTooLarge: All texts together are too long.
        """
        if len(text) > longest:
            text = text[:longest] + "..."
        known = self._texts.get(text)
        if known is None:
            self._letters += len(text) + 50
            if self._letters > _MOST_LETTERS:
                raise GraphTooLarge(f"its names have more than {_MOST_LETTERS:,} letters")
            known = self._texts[text] = text
        return known

    def module(self, stack: Sequence[Call]) -> int:
        """Return the index of the module call with a stack of calls around it, outermost first.

        A call with an empty path is the model itself, whose class the first such call states.
        """
        return self.module_in(0, stack)

    def module_in(self, parent: int, stack: Sequence[Call]) -> int:
        """Return the index of the module call with a stack of calls below another call."""
        for call in stack[:_DEEPEST_MODULE]:
            if not call.path:
                if parent == 0 and call.class_path and not self.modules[0].class_path:
                    self.modules[0] = GraphModule(path="", class_path=self.text(call.class_path))
                continue
            index = self._calls.get((parent, call))
            if index is None:
                index = self.new_module(parent, call)
                self._calls[parent, call] = index
            parent = index
        return parent

    def new_module(self, parent: int, call: Call) -> int:
        """Add a module call; return its index."""
        self.count(1)
        self.modules.append(
            GraphModule(
                path=self.text(call.path),
                class_path=self.text(call.class_path),
                parent=parent,
                call=call.call,
            )
        )
        return len(self.modules) - 1

    def body(self, body: GraphBody) -> int:
        """Add a graph; return its index."""
        self.count(len(body.inputs) + len(body.outputs))
        self.bodies.append(body)
        return len(self.bodies) - 1

    def end_body(self, index: int, outputs: Sequence[GraphTensor], results: Sequence[NodeInput]) -> None:
        """Add the outputs of a graph, which are known after its nodes."""
        self.count(2 * len(outputs))
        self.bodies[index] = replace(self.bodies[index], outputs=tuple(outputs), results=tuple(results))

    def node(
        self,
        operator: str,
        label: str,
        *,
        name: str = "",
        module: int = 0,
        body: int = 0,
        inputs: Sequence[NodeInput] = (),
        outputs: Sequence[GraphTensor] = (),
        attributes: Sequence[tuple[str, str, str]] = (),
        source: SourceLine | None = None,
    ) -> int:
        """Add a node; return its index.

        Args:
            operator: Full name of the operator.
            label: Short name of the operator.
            name: Name of the node in the file.
            module: Index of its module call.
            body: Index of the graph that contains it.
            inputs: The values that it reads.
            outputs: The values that it makes.
            attributes: Name, type and text of each other argument.
            source: Its source line.

        Raises:
            GraphTooLarge: There are too many nodes, values or letters.
        """
        if len(self.nodes) == MOST_NODES:
            raise GraphTooLarge(f"it has more than {MOST_NODES:,} nodes")
        self.count(len(inputs) + len(outputs) + len(attributes))
        self.nodes.append(
            GraphNode(
                operator=self.text(operator),
                label=self.text(label),
                name=self.text(name),
                module=module,
                body=body,
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                attributes=tuple(
                    Entry(name=self.text(key), type=self.text(kind), text=self.text(text, LONGEST_TEXT))
                    for key, kind, text in attributes
                ),
                source=source,
            )
        )
        return len(self.nodes) - 1

    def end_node(self, index: int, outputs: Sequence[GraphTensor]) -> None:
        """Add the outputs of a node, which are known after its nested graphs."""
        self.count(len(outputs))
        self.nodes[index] = replace(self.nodes[index], outputs=tuple(outputs))

    def parameter(self, parameter: GraphParameter) -> None:
        """Add a parameter, buffer or constant; the first of several with one name counts."""
        self.count(1)
        self._parameters.setdefault(parameter.value, parameter)

    def tensor(self, name: str, dtype: str = "?", shape: tuple[int | str, ...] = UNKNOWN) -> GraphTensor:
        """Return a value with a shortened name."""
        return GraphTensor(name=self.text(name), dtype=dtype, shape=shape)

    def read_early(self) -> None:
        """Count a value that a node reads before the node that makes it."""
        self._early += 1

    def read_undefined(self) -> None:
        """Count a value that nothing defines."""
        self._undefined += 1

    def note(self, text: str) -> None:
        """Add a note for the user, once."""
        if len(self.notes) < _MOST_NOTES:
            self.notes.setdefault(text)

    # --- result ----------------------------------------------------------------------------------

    def graph(self, target: str, format: str) -> FileGraph:
        """Return the collected graph."""
        if self._undefined:
            self.note(f"inputs of nodes that nothing in the file defines: {self._undefined:,}")
        if self._early:
            self.note(f"inputs of nodes that only a later node makes, without an edge: {self._early:,}")
        return FileGraph(
            target=target,
            format=format,  # type: ignore[arg-type]
            modules=tuple(self.modules),
            bodies=tuple(self.bodies),
            nodes=tuple(self.nodes),
            parameters=tuple(self._parameters.values()),
            notes=tuple(self.notes),
        )

    def count(self, values: int) -> None:
        """Count values that the reader holds; too many are an error."""
        self._values += values
        if self._values > _MOST_VALUES:
            raise GraphTooLarge(f"it has more than {_MOST_VALUES:,} values and modules")
