"""Nodes and parameters of the graph of TorchScript code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from netinspect.checkpoints.graphs.collector import Collector
from netinspect.checkpoints.graphs.script_values import (
    NONE,
    ModuleValue,
    Ref,
    Value,
    container,
    refs_in,
    text_of,
)
from netinspect.records.checkpoint import StoredTensor
from netinspect.records.file_graph import GraphParameter, NodeInput

_MOST_OF_LIST = 1000
"""Largest number of tensors in a list that are followed."""


@dataclass
class Frame:
    """One call that is followed."""

    names: dict[str, Value]
    body: int
    module: int
    owner: ModuleValue | None
    depth: int
    result: Value = NONE


class ScriptNodes:
    """Nodes that calls in code become."""

    def __init__(self, found: Collector, tensors: dict[str, StoredTensor]) -> None:
        self._found = found
        self._tensors = tensors
        own = [each for each in reversed(tensors.values()) if each.kind != "tensor"]
        self._kinds: dict[int, Literal["parameter", "buffer"]] = {
            each.storage: each.kind for each in own if each.kind != "tensor"
        }
        self._names = {each.storage: each.name for each in own}

    def operator(
        self,
        operator: str,
        label: str,
        values: Iterable[Value],
        keywords: dict[str, Value],
        frame: Frame,
    ) -> Value:
        """Add a node with one output; return that."""
        index = self.node(operator, label, values, keywords, frame)
        return self.outputs(index, [label])[0]

    def node(
        self,
        operator: str,
        label: str,
        values: Iterable[Value],
        keywords: dict[str, Value],
        frame: Frame,
    ) -> int:
        """Add a node without outputs; constants among its arguments are attributes."""
        inputs: list[NodeInput] = []
        attributes: list[tuple[str, str, str]] = []
        named = [*((str(place), value) for place, value in enumerate(values)), *keywords.items()]
        for name, value in named:
            refs = refs_in(value)
            inputs += (self.input(each, name) for each in refs)
            if not refs:
                attributes.append((name, "", text_of(value)))
        return self._found.node(
            operator,
            label,
            module=frame.module,
            body=frame.body,
            inputs=inputs,
            attributes=attributes,
        )

    def outputs(self, index: int, names: Sequence[str]) -> list[Value]:
        """Set the outputs of a node; return them as values."""
        tensors = [self._found.tensor(f"{name}_{index}") for name in names]
        self._found.end_node(index, tensors)
        return [Ref(each.name, "node", index) for each in tensors]

    def input(self, ref: Ref, argument: str = "") -> NodeInput:
        """Return a value as the input of a node."""
        return NodeInput(
            value=self._found.text(ref.name),
            argument=self._found.text(argument),
            producer=ref.producer,
            kind=ref.kind,  # type: ignore[arg-type]
        )

    def end_body(self, body: int, values: dict[str, Value]) -> None:
        """Set the outputs of a graph, by name."""
        refs = [(name, each) for name, value in values.items() for each in refs_in(value)]
        outputs = [self._found.tensor(each.name) for _, each in refs]
        self._found.end_body(body, outputs, [self.input(each, name) for name, each in refs])

    def attribute(self, path: str) -> Value:
        """Return the tensor of a module by its path, or the tensors of a list, as an LSTM has."""
        if path in self._tensors or f"{path}.0" not in self._tensors:
            return self.stored(path)
        names = [f"{path}.{place}" for place in range(_MOST_OF_LIST)]
        found = [self._tensors[each] for each in names if each in self._tensors]
        # The list repeats parameters that have names of their own.
        return container([self.stored(self._names.get(each.storage, each.name)) for each in found])

    def stored(self, path: str, name: str = "") -> Ref:
        """Return a parameter, buffer or constant by its path."""
        tensor = self._tensors.get(name or path)
        value = self._found.text(path)
        self._found.parameter(
            GraphParameter(
                value=value,
                name=self._found.text(name or path),
                kind=self._kinds.get(tensor.storage, "constant") if tensor else "constant",
                dtype=tensor.dtype if tensor else "?",
                shape=tensor.shape if tensor else ("...",),
            )
        )
        return Ref(value, "parameter")
