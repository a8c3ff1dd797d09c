"""Tests of the graphs of exported programs against torch's own graphs."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import fx

from netinspect.checkpoints.graphs.read import read_file_graph
from netinspect.records.file_graph import FileGraph
from tests.checkpoints.graphs.models import SAMPLE_MODELS, Conditional, built


def save(program: Any, folder: Path) -> FileGraph:
    path = folder / "model.pt2"
    torch.export.save(program, str(path))
    graph = read_file_graph(str(path))
    assert graph is not None
    return graph


def owner_of(node: fx.Node) -> fx.Node:
    """Return the node that makes a value: the file has no `getitem` of several outputs."""
    while getattr(node.target, "__name__", "") == "getitem":
        assert isinstance(node.args[0], fx.Node)
        node = node.args[0]
    return node


def kept(graph: fx.Graph) -> list[fx.Node]:
    """Return the nodes that a file has too."""
    return [each for each in graph.nodes if each.op == "call_function" and owner_of(each) is each]


def edges(graph: fx.Graph) -> Counter[tuple[str, str]]:
    """Count the values that go from one node to another, by the names of both."""
    found: Counter[tuple[str, str]] = Counter()
    for node in kept(graph):

        def add(source: fx.Node, to: str = node.name) -> None:
            if owner_of(source).op == "call_function":
                found[owner_of(source).name, to] += 1

        fx.map_arg((node.args, node.kwargs), add)
    return found


def edges_read(graph: FileGraph, body: int) -> Counter[tuple[str, str]]:
    return Counter(
        (graph.nodes[each.producer].name, node.name)
        for node in graph.nodes
        if node.body == body
        for each in node.inputs
        if each.producer is not None
    )


@pytest.mark.parametrize("name", SAMPLE_MODELS)
def test_exported_graph_is_that_of_torch(name: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    program = torch.export.export(model, inputs)
    found = save(program, tmp_path)
    expected = kept(program.graph_module.graph)
    assert [each.name for each in found.nodes] == [each.name for each in expected]
    assert edges_read(found, 0) == edges(program.graph_module.graph)
    classes = {
        path: f"{type(each).__module__}.{type(each).__name__}" for path, each in model.named_modules()
    }
    for node, of in zip(found.nodes, expected, strict=True):
        stack = [path for path, _ in of.meta["nn_module_stack"].values() if path in classes]
        module = found.modules[node.module]
        assert module.path == (stack[-1] if stack else "")
        assert module.class_path == classes[module.path]
        value = of.meta["val"]
        values = value if isinstance(value, (tuple, list)) else [value]
        assert [each.shape for each in node.outputs] == [tuple(each.shape) for each in values]
        assert [each.dtype for each in node.outputs] == [str(each.dtype)[6:] for each in values]
    stored = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert {each.name: each.shape for each in found.parameters} == {
        key: tuple(each.shape)
        for key, each in {**stored, **dict(model.state_dict())}.items()
        if key in program.graph_signature.parameters or key in program.graph_signature.buffers
    }
    assert [each.name for each in found.main.inputs] == list(program.graph_signature.user_inputs)
    assert [each.name for each in found.main.outputs] == list(program.graph_signature.user_outputs)
    assert not found.notes


def test_exported_graph_has_source_lines(tmp_path: Path) -> None:
    model, inputs = built("lenet")
    found = save(torch.export.export(model, inputs), tmp_path)
    conv, relu = found.nodes[:2]
    assert conv.source is not None
    assert conv.source == relu.source
    assert Path(conv.source.file).name == "lenet.py"
    assert conv.source.text == "x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))"
    lines = Path(conv.source.file).read_text().splitlines()
    assert lines[conv.source.line - 1].strip() == conv.source.text


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch itself
def test_exported_graph_has_branches(tmp_path: Path) -> None:
    program = torch.export.export(Conditional().eval(), (torch.zeros(2, 4),))
    found = save(program, tmp_path)
    main, then, other = found.bodies
    assert main.kind == "main"
    assert [each.kind for each in (then, other)] == ["branch", "branch"]
    for index, body in enumerate((then, other), 1):
        module = getattr(program.graph_module, body.name)
        assert edges_read(found, index) == edges(module.graph)
        assert [each.name for each in found.nodes if each.body == index] == [
            each.name for each in kept(module.graph)
        ]
        assert body.owner is not None
        owner = found.nodes[body.owner]
        assert owner.label == "cond"
        values = [owner.inputs[each].value for each in body.operands if each is not None]
        operands = kept(program.graph_module.graph)[body.owner].args[3]
        assert isinstance(operands, (tuple, list))
        assert values == [str(each) for each in operands]


def test_exported_graph_has_symbols(tmp_path: Path) -> None:
    model, inputs = built("tied")
    program = torch.export.export(model, inputs, dynamic_shapes=({0: torch.export.Dim("batch")},))
    found = save(program, tmp_path)
    (symbol,) = {str(each) for each in program.range_constraints}
    assert found.main.inputs[0].shape == (symbol, 3)
    assert {each.outputs[0].shape[0] for each in found.nodes if each.outputs[0].shape} == {symbol}


def test_calls_of_one_module_are_counted(tmp_path: Path) -> None:
    model, inputs = built("tied")
    found = save(torch.export.export(model, inputs), tmp_path)
    calls = [each.call for each in found.modules if each.path == "layer"]
    assert calls == [1, 2]


def test_graph_of_program_without_graph(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    made = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, made)
    path.write_bytes(made.getvalue())
    assert read_file_graph(str(path)) is None
