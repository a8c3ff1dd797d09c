"""Tests of the graphs of ONNX models against the `onnx` package and torch's exporter."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from netinspect.checkpoints.graphs.read import read_file_graph, read_graph
from netinspect.errors import CheckpointError
from netinspect.records.file_graph import FileGraph
from tests.checkpoints.formats.onnx_models import MODELS
from tests.checkpoints.graphs.models import built
from tests.checkpoints.memory_source import MemorySource

Edges = Counter[tuple[int, int]]


class Expected:
    """Nodes and edges of a model as the `onnx` package reads them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes: list[str] = []
        self.edges: Edges = Counter()
        self._functions = {(each.domain, each.name): each for each in model.functions}
        self._add(model.graph, {}, ())

    def _add(self, graph: Any, known: dict[str, int], inside: tuple[tuple[str, str], ...]) -> None:
        known = dict(known)
        for name in getattr(graph, "input", []):
            known.pop(name if isinstance(name, str) else name.name, None)
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                continue
            index = len(self.nodes)
            self.nodes.append(node.op_type)
            self.edges.update((known[name], index) for name in node.input if name in known)
            for attribute in node.attribute:
                inner = [attribute.g] if attribute.HasField("g") else []
                for each in [*inner, *attribute.graphs]:
                    self._add(each, known, inside)
            key = (node.domain, node.op_type)
            if key in self._functions and key not in inside:
                self._add(self._functions[key], {}, (*inside, key))
            known.update((name, index) for name in node.output if name)


def edges_of(graph: FileGraph) -> Edges:
    return Counter(
        (each.producer, index)
        for index, node in enumerate(graph.nodes)
        for each in node.inputs
        if each.producer is not None
    )


def read(model: onnx.ModelProto) -> FileGraph:
    graph = read_graph(MemorySource(model.SerializeToString()))
    assert graph is not None
    return graph


@pytest.mark.parametrize("path", MODELS, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_graph_is_that_of_onnx(path: Path) -> None:
    model = onnx.load(str(path), load_external_data=False)
    expected = Expected(model)
    found = read_file_graph(str(path))
    assert found is not None
    assert [each.label for each in found.nodes] == expected.nodes
    assert edges_of(found) == expected.edges
    assert [each.name for each in found.main.outputs] == [each.name for each in model.graph.output]


def export(name: str, folder: Path) -> tuple[torch.nn.Module, onnx.ModelProto, FileGraph]:
    """Return a model, its file by torch's exporter that needs no other package, and its graph."""
    model, inputs = built(name)
    path = folder / "model.onnx"
    torch.onnx.export(model, inputs, str(path), dynamo=False)
    graph = read_file_graph(str(path))
    assert graph is not None
    return model, onnx.load(str(path)), graph


@pytest.mark.filterwarnings("ignore")  # torch deprecates this exporter
@pytest.mark.parametrize("name", ["lenet", "resnet18", "tiny_gpt", "unet", "several", "shared_layer"])
def test_paths_of_exported_modules_are_those_of_the_model(name: str, tmp_path: Path) -> None:
    model, file, found = export(name, tmp_path)
    expected = Expected(file)
    assert [each.label for each in found.nodes] == expected.nodes
    assert edges_of(found) == expected.edges
    paths = {path for path, _ in model.named_modules()}
    assert {each.path for each in found.modules} <= paths
    parameters = {each.name for each in found.parameters if each.kind == "parameter"}
    for node in found.nodes:
        if node.label == "Identity":  # it hands on one of several equal tensors
            continue
        path = found.modules[node.module].path
        for each in node.inputs:
            if each.kind == "parameter" and each.value in dict(model.named_parameters()):
                assert each.value in parameters
                assert each.value.rpartition(".")[0] == path


def scoped(name: str, *levels: tuple[str, str], how: str) -> onnx.NodeProto:
    """Return a node with the metadata of torch's exporter since 2.5."""
    node = helper.make_node("Relu", ["x"], ["y"], name=name)
    texts = {
        "namespace": "/".join(f"{path}: {of}" for path, of in levels),
        "pkg.torch.onnx.name_scopes": repr([path for path, _ in levels]),
        "pkg.torch.onnx.class_hierarchy": repr([of for _, of in levels]),
        "pkg.torch.onnx.stack_trace": 'File "/home/me/net.py", line 3, in forward\n    y = self.act(x)\n'
        '  File "/lib/site-packages/torch/nn/modules/activation.py", line 144, in forward\n    return x',
    }
    keys = [how, "pkg.torch.onnx.stack_trace"]
    keys += ["pkg.torch.onnx.class_hierarchy"] if how == "pkg.torch.onnx.name_scopes" else []
    for key in keys:
        node.metadata_props.add(key=key, value=texts[key])
    return node


def model_of(nodes: list[onnx.NodeProto], **more: Any) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])
    return helper.make_model(helper.make_graph(nodes, "net", [value], [out]), **more)


@pytest.mark.parametrize("how", ["namespace", "pkg.torch.onnx.name_scopes"])
def test_modules_are_read_from_metadata(how: str) -> None:
    levels = [
        ("", "net.Net"),
        ("blocks.0", "net.Block"),
        ("blocks.0.act", "torch.nn.ReLU"),
        ("relu", "aten.relu"),
    ]
    found = read(model_of([scoped("node_relu", *levels, how=how)]))
    assert [(each.path, each.class_path) for each in found.modules] == levels[:3]
    (node,) = found.nodes
    assert node.module == 2
    assert node.source is not None
    assert (node.source.file, node.source.line) == ("/home/me/net.py", 3)
    assert node.source.text == "y = self.act(x)"
    assert node.outputs[0].shape == ("batch", 3)


@pytest.mark.parametrize(
    "text", ["", "[", "['a'", "[['a']]", "[1]", "['a', 'b'" + "]" * 100, "['" + "x" * 9000]
)
def test_odd_metadata_is_ignored(text: str) -> None:
    node = helper.make_node("Relu", ["x"], ["y"], name="/a/Relu")
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=text)
    assert [each.path for each in read(model_of([node])).modules] == ["", "a"]


def test_paths_of_names_repeat_containers() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["y"], name=name)
        for name in (
            "/layer1/layer1.0/conv1/Conv",
            "/a/layers.1/fc/Gemm",
            "tf/model/dense/MatMul",
            "plain",
        )
    ]
    found = read(model_of(nodes))
    assert [found.modules[each.module].path for each in found.nodes] == [
        "layer1.0.conv1",
        "a.layers.1.fc",
        "tf.model.dense",
        "",
    ]


def test_later_calls_of_modules_have_numbers(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["y"], name=name)
        for name in ("/relu/Relu", "/relu_1/Relu", "/fc/Gemm", "/fc_1/Gemm", "/a_1/Relu", "tf_1/x")
    ]
    model = model_of(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "fc_1.weight"))
    found = read(model)
    assert [(each.path, each.call) for each in found.modules[1:]] == [
        ("relu", 1),
        ("relu", 2),
        ("fc", 1),
        ("fc_1", 1),
        ("a_1", 1),
        ("tf_1", 1),
    ]


def test_nested_graphs_see_values_around_them() -> None:
    inner = helper.make_graph(
        [helper.make_node("Add", ["h", "w"], ["o"])],
        "b",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)],
    )
    step = helper.make_graph(
        [helper.make_node("Mul", ["v", "h"], ["n"])],
        "step",
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in ("i", "c", "v")],
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in ("c", "n")],
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["h"]),
        helper.make_node("If", ["x"], ["z"], then_branch=inner, else_branch=inner),
        helper.make_node("Loop", ["", "x", "z"], ["y"], body=step),
    ]
    model = model_of(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "w"))
    found = read(model)
    assert [each.label for each in found.nodes] == ["Relu", "If", "Add", "Add", "Loop", "Mul"]
    assert [(each.kind, each.owner, each.name) for each in found.bodies] == [
        ("main", None, ""),
        ("branch", 1, "else_branch"),
        ("branch", 1, "then_branch"),
        ("loop", 4, "body"),
    ]
    assert [(each.value, each.kind, each.producer) for each in found.nodes[2].inputs] == [
        ("h", "node", 0),
        ("w", "parameter", None),
    ]
    loop = found.bodies[3]
    assert [each.name for each in loop.inputs] == ["i", "c", "v"]
    assert loop.operands == (None, 0, 1)
    assert [each.kind for each in found.nodes[5].inputs] == ["input", "node"]


def test_functions_are_followed_where_they_are_called() -> None:
    inner = helper.make_function(
        "mine",
        "Inner",
        ["a"],
        ["b"],
        [helper.make_node("Relu", ["a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    outer = helper.make_function(
        "mine",
        "Outer",
        ["a"],
        ["b"],
        [helper.make_node("Inner", ["a"], ["c"], domain="mine"), helper.make_node("Neg", ["c"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    calls = [
        helper.make_node("Outer", ["x"], ["h"], domain="mine"),
        helper.make_node("Outer", ["h"], ["y"], domain="mine"),
    ]
    found = read(model_of(calls, functions=[inner, outer]))
    assert [each.operator for each in found.nodes] == ["mine.Outer", "mine.Inner", "Relu", "Neg"] * 2
    assert [each.kind for each in found.bodies] == [
        "main",
        "function",
        "function",
        "function",
        "function",
    ]


def test_odd_graphs_are_read() -> None:
    missing = [
        helper.make_node("Relu", ["later"], ["y"]),
        helper.make_node("Neg", ["nowhere"], ["later"]),
    ]
    found = read(model_of(missing))
    assert [each.inputs[0].kind for each in found.nodes] == ["unknown", "unknown"]
    assert len([each for each in found.notes if each.startswith("inputs of nodes")]) == 2
    cycle = [helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Neg", ["a"], ["b"])]
    assert edges_of(read(model_of(cycle))) == Counter({(0, 1): 1})
    same = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["y"], ["y"])]
    assert edges_of(read(model_of(same))) == Counter({(0, 1): 1})


def test_functions_that_call_themselves_are_refused_or_noted() -> None:
    own = helper.make_function(
        "mine", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="mine")], []
    )
    found = read(model_of([helper.make_node("F", ["x"], ["y"], domain="mine")], functions=[own]))
    assert len(found.nodes) == 2
    assert any("call themselves" in each for each in found.notes)
    functions = [
        helper.make_function(
            "mine",
            f"F{level}",
            ["a"],
            ["b"],
            [helper.make_node(f"F{level + 1}", ["a"], ["b"], domain="mine") for _ in range(10)],
            [],
        )
        for level in range(8)
    ]
    with pytest.raises(CheckpointError, match="cannot read the graph"):
        read(model_of([helper.make_node("F0", ["x"], ["y"], domain="mine")], functions=functions))


def test_huge_names_are_shortened() -> None:
    node = helper.make_node("R" * 100_000, ["x"], ["y" * 100_000], name="/".join("n" * 50_000))
    node.attribute.add(name="a" * 50_000, type=onnx.AttributeProto.INTS, ints=range(50_000))
    found = read(model_of([node]))
    assert len(found.nodes[0].label) < 400
    assert len(found.nodes[0].name) < 400
    assert len(found.modules) <= 65
    assert found.nodes[0].attributes[0].text.endswith("15, ...]")
