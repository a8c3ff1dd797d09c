"""Tests of the layout in the page's script, against that of drawings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pytest

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.layers import project
from netinspect.analysis.picture.places import all_places
from netinspect.records.picture import Picture
from netinspect.rendering.graph.boxes import PlacedBox
from netinspect.rendering.graph.coordinates import lay_out
from netinspect.rendering.graph.opening import open_boxes
from netinspect.rendering.page.page import ASSETS
from netinspect.rendering.page.picture_data import picture_data
from tests.browser import Page
from tests.nets import groups
from tests.nets.case import capture_trace, rows
from tests.rendering.page.graph_pages import evaluate

pytestmark = pytest.mark.slow

SAMPLES = (
    "lenet",
    "resnet18",
    "tiny_gpt",
    "unet",
    "lstm_tagger",
    "shared_layer",
    "encoder",
    "two_inputs",
)

GROUPS = ("Residuals", "Pairs", "Chained", "Shared", "Stages")

LAYOUTS = """
(() => {
  const state = new State(readPicture(data.picture));
  for (const place of data.unrolled) state.unroll(state.boxAt(place));
  for (const place of data.opened) if (place) state.open(state.boxAt(place));
  Object.assign(state, { heat: data.heat, direction: data.direction });
  const layouts = new Layouts(state);
  const found = [];
  const walk = (box, x, y) => {
    const layout = layouts.of(box);
    const moved = (points) => points.map(([a, b]) => [a + x, b + y]);
    found.push({
      place: box.place, box: [x, y, layout.width, layout.height],
      lines: layout.lines.map((line) => line.spans),
      routes: layout.routes.map((route) => [route.source, route.target, moved(route.points)]),
      labels: layout.labels.map((label) => [label.text, ...moved([[label.x, label.y]])[0]]),
      stubs: layout.stubs.map((stub) => [stub.source, stub.target, moved(stub.points)]),
    });
    for (const [at, child] of layout.children.entries())
      walk(box.contents[at], x + child.x, y + child.y);
  };
  walk(state.root, 0, 0);
  return found;
})()
"""


def _drawn(box: PlacedBox) -> Iterator[PlacedBox]:
    yield box
    for child in box.children:
        yield from _drawn(child)


def _points(points: Sequence[Sequence[float]]) -> Any:
    return [pytest.approx(list(each), abs=0.5) for each in points]


def _compare(
    page: Page,
    picture: Picture,
    opened: frozenset[tuple[int, ...]],
    unrolled: frozenset[tuple[int, ...]] = frozenset(),
    direction: Literal["TB", "LR"] = "TB",
    heat: str = "macs",
) -> None:
    placed = lay_out(picture, opened, direction=direction, heat=heat, unrolled=unrolled)
    keys = [["/".join(map(str, each)) for each in sorted(some)] for some in (opened, unrolled)]
    data = {
        **{"picture": picture_data(picture), "opened": keys[0], "unrolled": keys[1]},
        **{"heat": heat, "direction": direction},
    }
    found = evaluate(page, data, LAYOUTS)
    expected = [*_drawn(placed)]
    assert [each["place"] for each in found] == ["/".join(map(str, each.numbers)) for each in expected]
    for box, script in zip(expected, found, strict=True):
        assert script["lines"] == [[[*span] for span in line.spans] for line in box.lines]
        assert script["box"] == pytest.approx([box.x, box.y, box.width, box.height], abs=0.5)
        for routes, name in ((box.routes, "routes"), (box.stubs, "stubs")):
            assert [each[:2] for each in script[name]] == [[each.source, each.target] for each in routes]
            assert [each[2] for each in script[name]] == [_points(each.points) for each in routes]
        assert script["labels"] == [
            [each.text, *(pytest.approx(at, abs=0.5) for at in (each.x, each.y))] for each in box.labels
        ]


def picture_of(target: str) -> Picture:
    """Return the picture of a sample, or of a model with groups."""
    model = getattr(groups, target, None)
    return picture_of_trace(capture_trace(model(), rows(2, 4)) if model else netinspect.load(target))


@pytest.mark.parametrize("target", SAMPLES)
def test_layout_equals_drawing_in_first_view(page: Page, target: str) -> None:
    picture = picture_of_trace(netinspect.load(target))
    _compare(page, picture, open_boxes(picture))


@pytest.mark.parametrize("target", SAMPLES)
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_layout_equals_drawing_with_everything_open(
    page: Page, target: str, direction: Literal["TB", "LR"]
) -> None:
    picture = picture_of_trace(netinspect.load(target))
    opened = open_boxes(picture, depth=20)
    _compare(page, picture, opened, direction=direction, heat="bytes")


def test_layout_equals_drawing_with_unrolled_stack(page: Page) -> None:
    picture = picture_of_trace(netinspect.load("tiny_gpt"))
    root = picture.templates[picture.root]
    number = next(n for n, item in enumerate(root.items) if item.count == 3)
    opened = frozenset({(), (number,), (number + 1,)})
    _compare(page, picture, opened, frozenset({(number,)}), heat="params")


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize("target", GROUPS)
def test_layout_equals_drawing_of_groups(page: Page, target: str, unrolled: bool) -> None:
    picture = picture_of(target)
    if not unrolled:
        _compare(page, picture, open_boxes(picture, depth=20))
        return
    found = [each for each in all_places(picture) if each.template.kind == "group"]
    opened = frozenset({(), *(each.numbers for each in found)})
    stacks = frozenset(each.numbers for each in found if each.occurrence == 0)
    _compare(page, picture, opened, stacks)


@pytest.mark.parametrize("target", SAMPLES)
def test_layout_has_the_edges_of_the_picture(page: Page, target: str) -> None:
    picture = picture_of_trace(netinspect.load(target))
    script = (
        "readPicture(data).templates.map(bodyOf).map(({ lines, stubs }) => [...lines, ...stubs]"
        ".map(({ source, target }) => [source, target]))"
    )
    for template, found in zip(
        picture.templates, evaluate(page, picture_data(picture), script), strict=True
    ):
        assert sorted(map(tuple, found)) == sorted(project(template.edges, template.items))


@pytest.mark.parametrize("target", ["resnet18", "tiny_gpt", "shared_layer", *GROUPS])
def test_boxes_have_the_paths_and_steps_of_places(page: Page, target: str) -> None:
    picture = picture_of(target)
    script = """(() => {
      const state = new State(readPicture(data));
      state.setModeBelow(state.root, UNROLLED);
      const found = [];
      const walk = (box) => {
        if (box.isUnrolled) return box.contents.forEach(walk);
        found.push([box.place, box.path, box.name, box.step, box.shown]);
        state.open(box);
        box.contents.forEach(walk);
      };
      walk(state.root);
      return found;
    })()"""
    assert evaluate(page, picture_data(picture), script) == [
        ["/".join(map(str, each.numbers)), each.path, each.name, each.step, each.occurrence]
        for each in all_places(picture)
    ]


def test_layout_is_computed_again_only_for_what_changes(page: Page) -> None:
    data = picture_data(picture_of_trace(netinspect.load("tiny_gpt"), fold=False))
    script = """(() => {
      const state = new State(readPicture(data));
      state.setModeBelow(state.root, OPEN);
      const layouts = new Layouts(state);
      const inside = () => layouts.of(state.root).children.map((child) => child.layout);
      const before = inside();
      state.close(state.boxAt("6"));
      layouts.update();
      return [before[5] === before[6], before[5].children.length,
        inside().map((layout, at) => layout === before[at])];
    })()"""
    assert evaluate(page, data, script) == [False, 6, [at != 6 for at in range(11)]]


def test_top_level_names_of_scripts_are_unique() -> None:
    """A second function of one name would replace the first without an error."""
    names: dict[str, str] = {}
    for file in sorted(ASSETS.glob("*.js")):
        for name in re.findall(r"^(?:function|const|let|class) (\w+)", file.read_text("utf-8"), re.M):
            assert name not in names, f"{name} is in {names[name]} and {file.name}"
            names[name] = file.name
