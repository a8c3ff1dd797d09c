"""Tests of the picture of a difference between two models."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from torch import Tensor, nn

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.difference import difference_of_traces
from netinspect.analysis.picture.places import Place, all_places, steps_in
from netinspect.records.base import replace
from netinspect.records.codec import from_json, to_json
from netinspect.records.picture import Picture
from netinspect.records.trace import Trace
from netinspect.reports.diff.modules import pair_modules
from tests.analysis.picture import programs
from tests.analysis.picture.invariants import check_layers
from tests.nets import changing
from tests.nets.case import capture_trace, rows


def compare(a: Trace, b: Trace, *, fold: bool = True) -> Picture:
    picture = difference_of_traces(a, b, pair_modules(a, b), fold=fold)
    assert from_json(Picture, to_json(picture)) == picture
    for template in picture.templates:
        check_layers(template)
    return picture


def boxes(picture: Picture) -> list[Place]:
    return [*all_places(picture)]


def calls(picture: Picture) -> Counter[tuple[object, ...]]:
    """Count the calls by change, with what they are and their module."""
    return Counter(
        (each.template.change, each.template.kind, each.template.label, each.path)
        for each in all_places(picture)
        if each.template.kind not in ("group", "chain", "chapter")
    )


def changed(picture: Picture) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the change of each box that differs, by its path and the function."""
    return {
        f"{each.path}/{each.template.label}" if each.template.kind != "module" else each.path: (
            each.template.change,
            each.template.changes,
        )
        for each in all_places(picture)
        if each.template.change != "same" and each.template.kind not in ("group", "chain")
    }


def without_changes(picture: Picture) -> Picture:
    """Return a picture as it is without a comparison."""
    return replace(
        picture,
        against=None,
        templates=tuple(
            replace(
                template,
                change="",
                changes=(),
                items=tuple(replace(item, change="") for item in template.items),
                edges=tuple(replace(edge, change="") for edge in template.edges),
            )
            for template in picture.templates
        ),
    )


def check_pair(a: Trace, b: Trace) -> None:
    """Check that the difference mirrors the one with both exchanged, and contains both pictures."""
    picture, mirrored = compare(a, b, fold=False), compare(b, a, fold=False)
    opposite = {"only_a": "only_b", "only_b": "only_a"}
    left = calls(picture)
    assert left.total() == calls(mirrored).total()
    for change in ("only_a", "only_b"):
        assert {each[1:]: count for each, count in left.items() if each[0] == change} == {
            each[1:]: count for each, count in calls(mirrored).items() if each[0] == opposite[change]
        }
    if a.steps and b.steps:
        for trace, shown in ((a, picture), (b, mirrored)):
            root = boxes(shown)[0]
            assert root.template.steps == len(trace.steps)
            assert sorted(steps_in(shown, root)) == [step.index for step in trace.steps]
            alone = picture_of_trace(trace)
            assert root.template.cost == alone.templates[alone.root].cost
    only = {each.template.change for each in boxes(picture)}
    assert only <= {"same", "changed", "only_a", "only_b"}


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("sample", ["lenet", "tiny_gpt", "unet", "shared_layer", "encoder"])
def test_model_against_itself_is_the_same(sample: str, fold: bool) -> None:
    trace = netinspect.load(sample)
    picture = compare(trace, trace, fold=fold)
    assert {template.change for template in picture.templates} == {"same"}
    assert {edge.change for template in picture.templates for edge in template.edges} == {"same"}
    assert without_changes(picture) == picture_of_trace(trace, fold=fold)


@pytest.mark.parametrize("name", programs.MODELS)
def test_unusual_flow_against_itself_is_the_same(name: str) -> None:
    build, args, kwargs = programs.MODELS[name]
    trace = capture_trace(build(), *args, **kwargs)
    assert without_changes(compare(trace, trace)) == picture_of_trace(trace)


@pytest.mark.parametrize(
    ("one", "other"),
    [("lenet", "alexnet"), ("resnet18", "unet"), ("mlp", "autoencoder"), ("encoder", "tiny_gpt")],
)
def test_difference_mirrors_exchanged_models(one: str, other: str) -> None:
    check_pair(netinspect.load(one), netinspect.load(other))


def test_difference_with_model_that_was_not_run() -> None:
    ran, loaded = netinspect.load("lenet"), netinspect.load("lenet", run=False)
    check_pair(ran, loaded)
    check_pair(loaded, netinspect.load("mlp", run=False))


@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(programs.PROGRAMS, programs.PROGRAMS)
def test_difference_of_random_programs(one: Any, other: Any) -> None:
    check_pair(*(capture_trace(each, rows(2, 4), rows(2, 4) + 1) for each in (one, other)))


class Net(nn.Module):
    """A small network that is changed in one place."""

    def __init__(self, hidden: int = 8, activation: type[nn.Module] = nn.ReLU, blocks: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.blocks = nn.ModuleList(Block(hidden, activation) for _ in range(blocks))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.head(x)
        return out


class Block(nn.Module):
    def __init__(self, hidden: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.up, self.act, self.down = nn.Linear(8, hidden), activation(), nn.Linear(hidden, 8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(self.act(self.up(x)))
        return out


def trace_of(model: nn.Module) -> Trace:
    return capture_trace(model, rows(2, 4))


def test_other_class_of_layer_is_a_change() -> None:
    picture = compare(trace_of(Net()), trace_of(Net(activation=nn.GELU)))
    found = changed(picture)
    assert found["blocks.0.act"][0] == "changed"
    assert found["blocks.0.act"][1][0] == "class: ReLU -> GELU"
    assert found["blocks.0"][0] == found[""][0] == "changed"
    assert "first" not in found


def test_other_size_is_a_change_in_words() -> None:
    found = changed(compare(trace_of(Net()), trace_of(Net(hidden=16))))
    change, words = found["blocks.1.up"]
    assert (change, words[0]) == ("changed", "out_features=8 -> out_features=16")
    assert "returns: 2x8 -> 2x16" in words
    assert "parameters: 72 -> 144" in found["blocks.1.up"][1]
    assert "MACs: 128 -> 256" in found["blocks.1.up"][1]


def test_added_block_is_only_in_one_model() -> None:
    found = changed(compare(trace_of(Net(blocks=2)), trace_of(Net(blocks=3))))
    assert found["blocks.2"] == ("only_b", ())
    assert found["blocks.2.up"] == ("only_b", ())
    assert "blocks.1" not in found
    mirrored = changed(compare(trace_of(Net(blocks=3)), trace_of(Net(blocks=2))))
    assert mirrored["blocks.2.up"] == ("only_a", ())


def test_renamed_module_is_the_same_module() -> None:
    class Renamed(Net):
        def __init__(self) -> None:
            super().__init__()
            self.stem = self.first
            del self.first

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.stem(x))
            for block in self.blocks:
                x = x + block(x)
            out: Tensor = self.head(x)
            return out

    found = changed(compare(trace_of(Net()), trace_of(Renamed())))
    assert found == {
        "first": ("changed", ("name: first -> stem",)),
        "": ("changed", ("class: Net -> Renamed",)),
    }


def test_edges_of_one_model_are_marked() -> None:
    class Straight(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.first(x))
            for block in self.blocks:
                x = block(x)
            out: Tensor = self.head(x)
            return out

    picture = compare(trace_of(Net(blocks=1)), trace_of(Straight(blocks=1)), fold=False)
    root = picture.templates[picture.root]
    names = [(item.names[0], picture.templates[item.template]) for item in root.items]
    labels = [name or template.label for name, template in names]
    shown = {
        (labels[edge.source], labels[edge.target]): edge.change
        for edge in root.edges
        if edge.source >= 0
    }
    assert shown[".blocks.0", "add"] == shown["add", ".head"] == "only_a"
    assert shown[".blocks.0", ".head"] == "only_b"
    assert shown["input" if ("input", ".first") in shown else "x", ".first"] == "same"


def test_changed_function_is_one_box() -> None:
    class Other(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.gelu(x + 1) * 2

    class One(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x + 1) * 2

    found = changed(compare(trace_of(One()), trace_of(Other())))
    assert found["/relu"][0] == "changed"
    assert found["/relu"][1][0] == "function: relu -> gelu"
    assert set(found) == {"", "/relu"}


@pytest.mark.filterwarnings("ignore")
def test_odd_models_against_each_other() -> None:
    names = ["scripted", "sparse", "swapped"]
    traces = [capture_trace(changing.MODELS[name](), changing.X) for name in names]
    for one, other in pairwise(traces):
        check_pair(one, other)


def test_failed_run_against_one_that_passed() -> None:
    torch.manual_seed(0)
    wrong = Net()
    wrong.head = nn.Linear(9, 2)
    a, b = trace_of(wrong), trace_of(Net())
    assert a.failure is not None
    check_pair(a, b)
    found = changed(compare(a, b))
    assert "failed: yes -> no" in found["head"][1]
