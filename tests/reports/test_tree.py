"""Tests of the `tree` report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from torch import nn

import netinspect
from netinspect.errors import UsageError
from netinspect.records.base import replace
from netinspect.records.modules import DEEPEST
from netinspect.reports.tree.compute import build_tree
from netinspect.reports.tree.record import TreeNode
from tests import forked
from tests.records.examples import module, parameter, small_trace
from tests.reports.traces import ODD, SAMPLES, trace_of


def walk(node: TreeNode) -> Iterator[tuple[TreeNode, int]]:
    """Yield each node that people see with the number of modules that its row represents."""
    yield node, node.repeats
    for child in kept(node):
        for inner, count in walk(child):
            yield inner, count * node.repeats


def kept(node: TreeNode) -> list[TreeNode]:
    """Return the children that people see: of identical siblings the first."""
    return [child for child in node.children if child.repeat_of is None]


def paths(node: TreeNode) -> Iterator[str]:
    yield node.path
    for child in node.children:
        yield from paths(child)


@pytest.mark.parametrize("name", [*SAMPLES, *ODD])
def test_build_tree_folded_counts_every_module(name: str) -> None:
    trace = trace_of(name)
    root = build_tree(trace).root
    assert sum(count for _, count in walk(root)) == len(trace.modules)
    assert [*paths(root)] == [module.path for module in trace.modules]


def test_build_tree_folds_identical_blocks() -> None:
    root = build_tree(trace_of("tiny_gpt")).root
    blocks = next(child for child in root.children if child.name == "blocks")
    (block,) = kept(blocks)
    assert [child.repeat_of for child in blocks.children] == [None, "blocks.0", "blocks.0"]
    inner = blocks.children[2].children[1].children[0]
    assert (inner.path, inner.repeat_of) == (
        "blocks.2.attention.query_key_value",
        "blocks.0.attention.query_key_value",
    )
    assert (block.name, block.last_name, block.repeats) == ("0", "2", 3)
    assert block.repeats * block.parameters == blocks.parameters == 149_952


def test_build_tree_does_not_fold_blocks_that_differ_inside() -> None:
    root = build_tree(trace_of("resnet18")).root
    repeats = {child.name: [block.repeats for block in kept(child)] for child in root.children}
    assert repeats["layer1"] == [2]
    assert repeats["layer2"] == [1, 1]  # the first one has a downsample


def test_build_tree_with_depth_and_path() -> None:
    tree = build_tree(trace_of("resnet18"), path="layer2", depth=1)
    assert [node.path for node, _ in walk(tree.root)] == ["layer2", "layer2.0", "layer2.1"]
    with pytest.raises(UsageError, match="no module 'layer9'"):
        build_tree(trace_of("resnet18"), path="layer9")


def test_build_tree_lists_tensors_set_on_a_module() -> None:
    root = build_tree(trace_of("shared_layer")).root
    assert root.own == ("step_sizes (4)", "input_mean (32)", "decay (4)")


def test_tree_of_a_path_shows_the_totals_of_the_whole() -> None:
    assert (
        str(netinspect.tree("lenet", path="conv1")).splitlines()[-1].startswith("all of LeNet: 44,426 ")
    )
    assert str(netinspect.tree("lenet")).splitlines()[-1].startswith("44,426 parameters")
    part = str(netinspect.tree("docs/examples/tiny.safetensors", path="model.layers.0")).splitlines()
    assert part[0] == "docs/examples/tiny.safetensors  model.layers.0  safetensors, 36.9 KiB"
    assert part[-1].startswith("all of docs/examples/tiny.safetensors: 39 tensors, ")


def test_views_of_modules_nested_thousands_deep() -> None:
    paths = [".".join(["a"] * depth) for depth in range(3000)]
    modules = [
        module(path, f"Level{depth}", *paths[depth + 1 : depth + 2], parameters=())
        for depth, path in enumerate(paths)
    ]
    held = parameter(f"{paths[-1]}.weight", 2, 3, identity=0)
    trace = replace(
        small_trace(), modules=tuple(modules), parameters=(held,), buffers=(), steps=(), failure=None,
        ran=False, backward=None, output=None,
    )  # fmt: skip
    for view in (netinspect.tree(trace), netinspect.summary(trace), netinspect.params(trace)):
        for format in ("rich", "plain", "csv", "markdown", "json"):
            assert view.text(format)
    tree = netinspect.tree(trace)
    assert f"nothing deeper than {DEEPEST} levels is shown" in tree.text()
    assert tree.record.root.parameters == 6
    summary = netinspect.summary(trace)
    assert sum(row.own_parameters for row in summary.record.rows) == 6
    assert len(summary.record.rows) == DEEPEST + 1
    assert f"{3000 - DEEPEST - 1:,} modules below these levels (deeper than" in summary.text()
    deep = netinspect.tree(trace, paths[2950])
    assert sum(1 for _ in walk(deep.record.root)) == 50


def test_build_tree_folds_only_blocks_that_are_identical_below_the_depth() -> None:
    blocks = [nn.Sequential(activation) for activation in (nn.ReLU(), nn.ReLU(), nn.GELU())]
    tree = netinspect.tree(nn.Sequential(*blocks), depth=1).record
    assert [child.repeats for child in kept(tree.root)] == [2, 1]


def test_build_tree_does_not_fold_layers_of_different_dtypes() -> None:
    layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2).half())
    assert [child.repeats for child in kept(netinspect.tree(layers).record.root)] == [2, 1]


class SharingBlock(nn.Module):
    def __init__(self, **shared: nn.Module) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        for name, layer in shared.items():
            self.add_module(name, layer)


def folded_blocks(**shared: nn.Module) -> list[tuple[str, int]]:
    model = nn.Sequential(*(SharingBlock(**shared) for _ in range(5)))
    root = build_tree(netinspect.load(model, run=False)).root
    return [(node.path, node.repeats) for node in kept(root)]


def test_tree_folds_blocks_that_share_an_activation() -> None:
    assert folded_blocks(act=nn.ReLU()) == [("0", 5)]
    assert folded_blocks(act=nn.ReLU(), drop=nn.Dropout(0.1)) == [("0", 5)]


def test_tree_folds_blocks_that_share_a_layer_after_the_first() -> None:
    assert folded_blocks(norm=nn.LayerNorm(3)) == [("0", 1), ("1", 4)]
    assert folded_blocks(both=nn.Sequential(nn.ReLU())) == [("0", 1), ("1", 4)]


class Frozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(4))
        for block in self.blocks[:2]:
            block.requires_grad_(False)
        self.mixed = nn.Linear(8, 8)
        self.mixed.bias.requires_grad_(False)
        self.head = nn.Linear(8, 8, bias=False)
        self.head.weight = self.mixed.weight


def test_tree_marks_tied_and_frozen_modules() -> None:
    view = netinspect.tree(Frozen())
    split = (line.partition("─ ") for line in view.text(width=100).splitlines())
    lines = {name.split()[0]: name for _, _, name in split if name}
    assert "frozen: Sequential" in lines["0..1"]
    assert "frozen" not in lines["2..3"]
    assert "frozen: Linear" not in view.text(width=100).replace("partly frozen: Linear", "")
    assert "partly frozen: Linear" in lines["mixed"]
    assert lines["head"].endswith("tied")
    nodes = {node.path: node for node, _ in walk(view.record.root)}
    assert nodes["blocks.0.0"].trainable == "no"
    assert (nodes[""].trainable, nodes["head"].trainable) == ("partial", "yes")
    assert (nodes["head"].parameters, nodes["head"].tied, nodes["mixed"].tied) == (64, 64, 0)
    assert netinspect.tree(Frozen(), "head").text(width=100).splitlines()[2].endswith("64")


def test_tree_marks_tied_head_in_process() -> None:
    outcome = forked.run("tree", "tiny_gpt", "--format", "rich", "--width", "80")
    (head,) = (line for line in outcome.out.splitlines() if "─ head " in line)
    assert head.endswith(" tied")
