"""Tests of dot and mermaid: Graphviz and mermaid read the boxes and edges of the picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect._utils.safe_text import safe
from netinspect.analysis.picture.layers import Ends, project, stubs
from netinspect.records.picture import OUTSIDE, Picture
from netinspect.rendering.graph.mermaid import MOST_EDGES, MOST_TEXT
from netinspect.rendering.graph.opening import Numbers
from netinspect.rendering.graph.outline import Box, opened_by, outline
from tests.browser import Page
from tests.graph_readers import Graph, read_dot, read_mermaid

SAMPLES = ["lenet", "resnet18", "tiny_gpt", "unet", "two_inputs", "shared_layer", "lstm_tagger"]

HOSTILE = (
    'quote"quote', "back\\slash", "brack]et", "<b>bold</b>", "end", "a\nb", "100%%{init}", "`tick`",
    "größe 层", "# 1. list", "1. list", "- list", "&amp;", "\\N", "x;y", "|pipe|", "--> b", "", "graph",
    "\x1b[31m", "\u202e",
)  # fmt: skip


class Splits(nn.Module):
    """Two outputs, of which the readers take one each."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.relu(), x.sigmoid()


class SeveralWays(nn.Module):
    """A body with two inputs and two outputs, one of which passes through."""

    def __init__(self) -> None:
        super().__init__()
        self.splits = Splits()
        self.identity = nn.Sequential(nn.Identity())
        self.names = nn.ModuleDict()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        a, b = self.splits(x)
        return torch.cat([self.identity(a), b * y, self.splits(y)[0]])


class Passes(nn.Module):
    """Returns what it gets, and one tensor more."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, self.inner(y)


class Uses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.passes = Passes()

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.passes(x, x * 2)
        return a + b


def hostile_model() -> nn.Module:
    model = nn.Sequential()
    for name in HOSTILE:
        layer: nn.Module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        model._modules[name] = layer
    return model


def pictures() -> Iterator[tuple[str, Any]]:
    for sample in SAMPLES:
        yield sample, netinspect.graph(sample)
        yield f"{sample} open", netinspect.graph(sample, depth=0)
    yield "unfolded", netinspect.graph("tiny_gpt", depth=0, fold=False)
    yield "to the right", netinspect.graph("unet", direction="LR")
    yield "failed", netinspect.graph("lenet", inputs="10x1x32x32")
    yield "not run", netinspect.graph(netinspect.load("tiny_gpt", run=False), depth=0)
    yield "several", netinspect.graph(SeveralWays(), torch.zeros(2, 4), torch.zeros(2, 4), depth=0)
    yield "passes", netinspect.graph(Uses(), torch.zeros(2, 4), depth=0)
    yield "hostile", netinspect.graph(hostile_model(), torch.zeros(2, 4), depth=0)
    yield "symbolic", netinspect.graph("lenet", symbolic="batch")


@pytest.fixture(scope="module")
def views() -> dict[str, Any]:
    return dict(pictures())


def test_dot_is_the_picture(views: dict[str, Any]) -> None:
    for name, view in views.items():
        found = read_dot(view.text("dot"))
        check(name, view.record, outline(view.record, opened_by(view.record, view.style)), found)


def test_mermaid_is_the_picture(views: dict[str, Any], page: Page) -> None:
    texts = [view.text("mermaid") for view in views.values()]
    for (name, view), found in zip(views.items(), read_mermaid(page, texts), strict=True):
        check(name, view.record, outline(view.record, opened_by(view.record, view.style)), found)


def check(name: str, picture: Picture, root: Box, found: Graph) -> None:
    """Compare a graph that was read with the boxes and edges of a picture."""
    boxes = {box.id: box for box in root.walk() if box.parent is not None}
    ports = {each for each in found.nodes if each.endswith(("_in", "_out"))}
    groups = {each.removeprefix("cluster_"): group for each, group in found.groups.items()}
    assert set(found.nodes) - ports == {each for each, box in boxes.items() if not box.children}, name
    assert set(groups) == {each for each, box in boxes.items() if box.children}, name
    for each, group in groups.items():
        members = {member.removeprefix("cluster_") for member in group.members} - ports
        assert members == {child.id for child in boxes[each].children}, name
    drawn: dict[Numbers, set[Ends]] = defaultdict(set)
    for edge in found.edges:
        add_lines(drawn, edge.tail, edge.head)
    for box in root.walk():
        if not box.children:
            continue
        projected = project(box.template.edges, box.template.items)
        starts = [child.numbers[-1] for child in box.children]
        number = {OUTSIDE: OUTSIDE} | dict(enumerate(starts))
        expected = {
            (number[source], number[target]) for source, target in set(projected) - stubs(projected)
        }
        lines = drawn[box.numbers]
        assert lines <= expected, (name, box.path)
        missing = expected - lines
        # What a box returns and nothing reads ends at its border.
        assert all(target == OUTSIDE for _, target in missing), (name, box.path, missing)
        if missing:
            assert box.parent is not None
            assert not any(source == box.place for source, _ in box.parent.lines), (name, box.path)


def add_lines(drawn: dict[Numbers, set[Ends]], tail: str, head: str) -> None:
    """Add the edges of bodies that an arrow between nodes stands for."""
    tail_numbers, tail_port = numbers_of(tail)
    head_numbers, head_port = numbers_of(head)
    if tail_port == "in":
        above = tail_numbers
        drawn[above].add((OUTSIDE, OUTSIDE if head_numbers == above else head_numbers[len(above)]))
        start = len(above) + 1
    elif head_port == "out" and tail_numbers[: len(head_numbers)] == head_numbers:
        above = head_numbers
        drawn[above].add((tail_numbers[len(above)], OUTSIDE))
        start = len(above) + 1
    else:
        common = 0
        while tail_numbers[common] == head_numbers[common]:
            common += 1
        above = tail_numbers[:common]
        drawn[above].add((tail_numbers[common], head_numbers[common]))
        start = common + 1
    for end in range(start, len(tail_numbers)):
        drawn[tail_numbers[:end]].add((tail_numbers[end], OUTSIDE))
    for end in range(start, len(head_numbers)):
        drawn[head_numbers[:end]].add((OUTSIDE, head_numbers[end]))


def numbers_of(node: str) -> tuple[Numbers, str]:
    port = node.rpartition("_")[2] if node.endswith(("_in", "_out")) else ""
    parts = node.removesuffix(f"_{port}" if port else "").split("_")[1:]
    return tuple(map(int, parts)), port


def test_hostile_names_arrive_whole(views: dict[str, Any], page: Page) -> None:
    view = views["hostile"]
    (mermaid,) = read_mermaid(page, [view.text("mermaid")])
    dot = read_dot(view.text("dot"))
    for found in (mermaid, dot):
        labels = {group.label.split(" · ")[0] for group in found.groups.values()}
        expected = {safe(each) for each in HOSTILE if each} | {"''"}
        assert labels == expected


def test_mermaid_closes_boxes_to_stay_in_its_limits(page: Page) -> None:
    model = nn.Sequential(
        *(
            nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(9)))
            for _ in range(40)
        )
    )
    view = netinspect.graph(model, torch.zeros(1, 4), depth=0, fold=False, max_boxes=100_000)
    text = view.text("mermaid")
    assert len(text) <= MOST_TEXT
    assert "not shown: mermaid draws at most 500 edges" in text
    (found,) = read_mermaid(page, [text])
    assert len(found.edges) <= MOST_EDGES
    assert len(found.groups) > 0


def test_max_boxes_closes_the_deepest() -> None:
    view = netinspect.graph("resnet18", depth=0, max_boxes=30)
    assert len(read_dot(view.text("dot")).nodes) <= 30
    assert "closed" in view.text("dot")
    assert "closed" in str(view)


def test_text_is_the_same_for_equal_pictures() -> None:
    assert netinspect.graph("unet").text("dot") == netinspect.graph("unet").text("dot")
