"""Tests of the pictures of model files, against torch's own graphs and the pictures of live models."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from onnx import TensorProto, helper

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.checkpoint_picture import picture_of_checkpoint
from netinspect.analysis.picture.file_calls import calls_of_file
from netinspect.analysis.picture.file_numbers import number_nodes
from netinspect.analysis.picture.places import all_places
from netinspect.api._file_graphs import file_graph_of
from netinspect.checkpoints.graphs.read import read_graph
from netinspect.checkpoints.read import read_checkpoint
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.codec import from_json, to_json
from netinspect.records.file_graph import FileGraph
from netinspect.records.picture import Picture
from tests.analysis.picture.invariants import check_layers
from tests.checkpoints.graphs.models import SAMPLE_MODELS, Branching, Conditional, built
from tests.checkpoints.memory_source import MemorySource
from tests.checkpoints.memory_source import read as read_bytes

pytestmark = pytest.mark.filterwarnings("ignore")  # torch deprecates two of the three exporters

EXPORTS = ("pt2", "traced", "onnx")


def export(how: str, name: str, folder: Path) -> Path:
    model, inputs = built(name)
    path = folder / f"{name}.{how}"
    if how == "pt2":
        torch.export.save(torch.export.export(model, inputs), str(path))
    elif how == "traced":
        torch.jit.trace(model, inputs, strict=False).save(str(path))
    else:
        torch.onnx.export(model, inputs, str(path), dynamo=False)
    return path


def read(path: Path) -> tuple[FileGraph, Checkpoint]:
    checkpoint = read_checkpoint(str(path))
    graph, note = file_graph_of(checkpoint)
    assert graph is not None
    assert not note
    return graph, checkpoint


def check(graph: FileGraph, checkpoint: Checkpoint) -> Picture:
    """Check the folded and the unfolded picture; return the folded one."""
    shown = []
    drawn = sum(not each for each in number_nodes(graph))
    for fold in (True, False):
        picture = picture_of_checkpoint(checkpoint, graph, fold=fold)
        assert from_json(Picture, to_json(picture)) == picture
        for template in picture.templates:
            check_layers(template)
            assert template.cost is None
            assert all(
                each.source < each.target or -1 in (each.source, each.target) for each in template.edges
            )
        places = [each for each in all_places(picture) if each.template.kind in ("module", "function")]
        inside = Counter((each.path, each.template.label) for each in places)
        assert inside.total() <= drawn + len(graph.modules) + len(graph.bodies) + len(graph.nodes)
        shown.append(inside)
    assert shown[0] == shown[1]
    return picture_of_checkpoint(checkpoint, graph)


def module_boxes(picture: Picture) -> Counter[tuple[str, str]]:
    return Counter(
        (each.path, each.template.label)
        for each in all_places(picture)
        if each.template.kind == "module" and each.template.called
    )


@pytest.mark.parametrize("name", SAMPLE_MODELS)
@pytest.mark.parametrize("how", ["pt2", "traced"])
def test_picture_has_the_modules_of_the_live_model(how: str, name: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    picture = check(*read(export(how, name, tmp_path)))
    live = picture_of_trace(netinspect.capture(model, *inputs))
    # A module without nodes, such as Dropout in eval mode or a list, is not in a file.
    assert not module_boxes(picture) - module_boxes(live)
    missing = {label for _, label in module_boxes(live) - module_boxes(picture)}
    assert missing <= {"Dropout", "Identity"}
    sizes = {
        each.path: each.template.parameters
        for each in all_places(live)
        if each.template.kind == "module"
    }
    for place in all_places(picture):
        if place.template.kind == "module":
            assert place.template.parameters == sizes[place.path]


@pytest.mark.parametrize("name", ["lenet", "resnet18", "tiny_gpt", "unet", "several", "shared_layer"])
def test_picture_of_onnx_has_the_modules_of_the_live_model(name: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    picture = check(*read(export("onnx", name, tmp_path)))
    live = picture_of_trace(netinspect.capture(model, *inputs))
    paths = Counter(path for path, _ in module_boxes(picture).elements())
    assert not paths - Counter(path for path, _ in module_boxes(live).elements())


@pytest.mark.parametrize("how", EXPORTS)
@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_edges_are_those_of_the_graph(how: str, name: str, tmp_path: Path) -> None:
    graph, checkpoint = read(export(how, name, tmp_path))
    numbers = number_nodes(graph)
    calls = calls_of_file(graph, checkpoint)
    functions = [index for index, each in enumerate(calls) if each.own.kind == "function"]
    drawn = [
        index for index in range(len(graph.nodes)) if not numbers[index] and graph.nodes[index].body == 0
    ]
    call_of = dict(zip(drawn, functions, strict=True))
    for node, call in call_of.items():
        expected = {
            call_of[each.producer]
            for each in graph.nodes[node].inputs
            if each.producer is not None and each.producer in call_of
        }
        found = {source for each in calls[call].reads for source in each.sources}
        assert expected == {each for each in found if calls[each].own.kind == "function"}


@pytest.mark.parametrize("how", EXPORTS)
def test_repeated_blocks_are_one_item(how: str, tmp_path: Path) -> None:
    picture = check(*read(export(how, "tiny_gpt", tmp_path)))
    root = picture.templates[picture.root]
    (blocks,) = [item for item in root.items if item.count > 1]
    assert blocks.names == (".blocks.0", ".blocks.1", ".blocks.2")


def test_chains_of_operators_are_one_box(tmp_path: Path) -> None:
    picture = check(*read(export("pt2", "lenet", tmp_path)))
    labels = [picture.templates[item.template].label for item in picture.templates[picture.root].items]
    assert labels == [
        *("x", "Conv2d", "relu · max_pool2d", "Conv2d", "relu · max_pool2d · view"),
        *("Linear", "relu", "Linear", "relu", "Linear", "relu", "output"),
    ]
    conv = next(each for each in picture.templates if each.facts == "weight 6x1x5x5, bias 6")
    assert conv.label == "Conv2d"
    assert [each.spec.shape for each in conv.output] == [(2, 6, 24, 24)]
    assert conv.site is not None
    assert conv.site.text == "x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))"


@pytest.mark.parametrize("kind", ["cond", "script"])
def test_control_flow_is_a_box_with_boxes_inside(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    if kind == "cond":
        torch.export.save(torch.export.export(Conditional().eval(), (torch.zeros(2, 4),)), str(path))
        wanted = {"cond": ["true_graph_0", "false_graph_0"]}
    else:
        torch.jit.script(Branching().eval()).save(str(path))
        wanted = {"if": ["then", "else"], "for": ["Linear"]}
    picture = check(*read(path))
    for label, inside in wanted.items():
        box = next(each for each in picture.templates if each.label == label)
        assert [picture.templates[item.template].label for item in box.items] == inside
        assert {edge.target for edge in box.edges} >= {-1}
        assert {edge.source for edge in box.edges} >= {-1}


def test_modules_whose_nodes_take_turns_are_one_box_each() -> None:
    def node(name: str, inputs: list[str], output: str) -> Any:
        return helper.make_node("Relu" if len(inputs) == 1 else "Add", inputs, [output], name=name)

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])

    def picture_of(nodes: list[Any]) -> list[str]:
        model = helper.make_model(helper.make_graph(nodes, "net", [value], [out]))
        raw = model.SerializeToString()
        graph = read_graph(MemorySource(raw))
        assert graph is not None
        found = check(graph, read_bytes(raw))
        return [each.path for each in all_places(found) if each.template.kind == "module" and each.path]

    turns = [
        node("/a/1", ["x"], "a1"),
        node("/b/1", ["x"], "b1"),
        node("/a/2", ["a1"], "a2"),
        node("/b/2", ["b1"], "b2"),
        node("/add", ["a2", "b2"], "y"),
    ]
    assert sorted(picture_of(turns)) == ["a", "b"]
    there_and_back = [
        node("/a/1", ["x"], "a1"),
        node("/b/1", ["a1"], "b1"),
        node("/a/2", ["b1"], "y"),
    ]
    assert picture_of(there_and_back) == ["a", "b", "a"]


def test_picture_of_weights_is_the_tree_of_their_names(tmp_path: Path) -> None:
    model, _ = built("tiny_gpt")
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_model(model, str(path))
    picture = netinspect.graph(str(path)).record
    root = picture.templates[picture.root]
    assert root.parameters == sum(each.numel() for each in model.parameters())
    assert root.parameter_bytes == 4 * root.parameters
    (repeated,) = [item for each in picture.templates for item in each.items if item.count > 1]
    assert repeated.names == (".0", ".1", ".2")
    assert not any(each.edges for each in picture.templates)
    assert picture.notes == ("no data flow: the boxes are the parts of the names of tensors",)
    unfolded = netinspect.graph(str(path), fold=False).record
    names = {each.path for each in all_places(unfolded)}
    assert names >= {each.name.rpartition(".")[0] for each in read_checkpoint(str(path)).tensors}


def test_unreadable_graph_is_a_tree_with_a_note(tmp_path: Path) -> None:
    path = export("onnx", "lenet", tmp_path)
    checkpoint = read_checkpoint(str(path))
    path.write_bytes(path.read_bytes()[:-400])
    picture = netinspect.graph(checkpoint).record
    assert picture.templates[picture.root].parameters == sum(
        each.elements for each in checkpoint.tensors
    )
    assert len(picture.notes) == 2


def test_pictures_of_files_need_no_torch(tmp_path: Path) -> None:
    paths = [str(export(how, "lenet", tmp_path)) for how in EXPORTS]
    program = (
        "import sys\n"
        "import netinspect\n"
        "for path in sys.argv[1:]:\n"
        "    assert len(netinspect.graph(path).record.templates) > 9\n"
        "    assert len(netinspect.page(path).html) > 50_000\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, *paths], check=True)
