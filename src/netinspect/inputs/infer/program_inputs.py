"""Inputs of programs: TorchScript modules, exported programs and other graphs of torch.fx.

A graph may record the tensors that it was made with. That of scripted code records none, but shows which
of torch's layers takes each input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from netinspect._utils.classes import is_a
from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.from_layers import guess_for_weight, indices
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.tracing.model.modes import script_of
from netinspect.tracing.safe_access import state_of

_MOST_VALUES = 200
_DEEPEST = 20
_METHOD = "forward"
_WEIGHTED = {"Linear": "linear", "Conv1d": "conv1d", "Conv2d": "conv2d", "Conv3d": "conv3d"}
_RECURRENT = ("LSTM", "GRU", "RNN")
_METADATA = ("val", "example_value", "tensor_meta")
"""Names under which a node has the tensor that it was made with, or its sizes."""


def program_inputs(facts: ModelFacts) -> list[Guess | None]:
    """Return a guess for each input of a program, in order; empty for another model.

    An input about which the program has nothing is None.
    """
    graph = state_of(facts.model).get("_graph")
    if is_a(facts.model, fx.GraphModule) and isinstance(graph, fx.Graph):
        return [_of_node(node) for node in graph.nodes if node.op == "placeholder"]
    script = script_of(facts.model)
    if script is None:
        return []
    try:
        inputs = list(script._get_method(_METHOD).graph.inputs())[1:]
        return [_of_value(script, at, value, facts) for at, value in enumerate(inputs, start=1)]
    except RuntimeError:  # a program without this method, or without a graph
        return []


def _of_node(node: fx.Node) -> Guess | None:
    found = next((node.meta[key] for key in _METADATA if key in node.meta), None)
    shape, dtype = getattr(found, "shape", None), getattr(found, "dtype", None)
    if shape is None or not isinstance(dtype, torch.dtype):
        return None
    rows = next(filter(None, map(_rows, node.users)), None)
    reason = "the program was exported with this input"
    return _recorded(tuple(map(_size, shape)), dtype, rows, reason)


def _size(size: Any) -> int:
    """Return a size, or for a symbolic one that of the example."""
    if isinstance(size, int):
        return size
    hint = getattr(getattr(size, "node", None), "hint", None)
    return hint if isinstance(hint, int) else 2


def _rows(user: fx.Node) -> int | None:
    """Return the rows of the embedding that a node looks up."""
    is_lookup = "embedding" in str(user.target)
    weight = next(iter(user.args), None) if is_lookup else None
    shape: Any = getattr(weight.meta.get("val"), "shape", ()) if isinstance(weight, fx.Node) else ()
    return int(shape[0]) if len(shape) == 2 else None


def _recorded(shape: tuple[int, ...], dtype: torch.dtype, rows: int | None, reason: str) -> Guess:
    name = str(dtype).removeprefix("torch.")
    low, high = (0, rows - 1) if rows else (None, None)
    return tensor(*shape, dtype=name, low=low, high=high, reason=reason)


def _of_value(script: Any, at: int, value: Any, facts: ModelFacts) -> Guess | None:
    """Return a guess for an input of a method of TorchScript."""
    path, layer = next(_consumers(script, at, "", 0), ("", None))
    weight = facts.shapes.get(f"{path}.weight", ())
    kind = _class_of(layer) if layer is not None else ""
    rows = weight[0] if kind.startswith("Embedding") and weight else None
    sizes = value.type().sizes() if value.type().kind() == "TensorType" else None
    if sizes and value.type().dtype() is not None:
        return _recorded(tuple(sizes), value.type().dtype(), rows, "the program was traced with it")
    if rows:
        return indices(f"{path} has {rows} rows", rows)
    if kind in _WEIGHTED:
        return guess_for_weight(_WEIGHTED[kind], f"{path}.weight", weight, facts)
    if kind in _RECURRENT and layer is not None:
        columns = facts.shapes.get(f"{path}.weight_ih_l0", (0,))[-1]
        is_first = layer.hasattr("batch_first") and layer.getattr("batch_first")
        leading = (1, TOKENS) if is_first else (TOKENS, 1)
        return tensor(*leading, columns, reason=f"{path} takes {columns} features")
    return None


def _class_of(script: Any) -> str:
    return str(script._type().qualified_name()).rpartition(".")[2]


def _consumers(script: Any, at: int, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the layers of torch that take an input of a method, each with its path."""
    if "torch.nn.modules" in str(script._type().qualified_name()) and _is_layer(script):
        yield path, script
        return
    waiting = [list(script._get_method(_METHOD).graph.inputs())[at]]
    for value in waiting:
        for use in value.uses() if depth < _DEEPEST else ():
            node = use.user
            if node.kind() == "prim::CallMethod" and use.offset and node.s("name").startswith(_METHOD):
                child = _owner(script, next(node.inputs()).node())
                if child is not None:
                    name, module = child
                    yield from _consumers(module, use.offset, f"{path}.{name}".strip("."), depth + 1)
            elif len(waiting) < _MOST_VALUES:
                waiting += node.outputs()


def _is_layer(script: Any) -> bool:
    return _class_of(script) not in ("Sequential", "ModuleList", "ModuleDict")


def _owner(script: Any, node: Any) -> tuple[str, Any] | None:
    """Return path and module of a chain of attributes, such as `self.layers.0`."""
    names: list[str] = []
    while node.kind() == "prim::GetAttr":
        names.insert(0, node.s("name"))
        node = next(node.inputs()).node()
    for name in names:
        script = script.getattr(name) if script.hasattr(name) else None
        if script is None:
            return None
    return (".".join(names), script) if names else None
