"""Tests of `netinspect.rendering.graph.svg`, on drawings of real models."""

from __future__ import annotations

import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.records.base import replace
from netinspect.records.picture import Picture
from netinspect.rendering.graph.options import GraphStyle, HeatKey
from netinspect.rendering.graph.palette import COLORS, HEAT, contrast, heat_step, style_rules
from netinspect.rendering.graph.svg import format_svg
from tests.nets.hostile import POISONS
from tests.rendering.graph.pictures import pictures

SVG = "{http://www.w3.org/2000/svg}"
NETS = Path(__file__).parents[2] / "nets"

BROKEN = """
import torch
from torch import nn

EXAMPLE_INPUTS = ("x=2x3x8x8",)


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(100, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.stem(x), 1))
"""


def picture_of(target: str) -> Picture:
    return picture_of_trace(netinspect.load(target))


def words(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def lenet() -> Picture:
    return picture_of("lenet")


def test_format_svg_shows_names_shapes_and_costs(lenet: Picture) -> None:
    found = [text.replace("\xa0 ", " ") for text in words(format_svg(lenet, GraphStyle()))]
    assert found[0] == "LeNet"
    assert "44.43 k parameters \u00b7 2.816 M MACs" in found
    assert {"x 10\u00d71\u00d728\u00d728", "conv1 Conv2d", "1 \u2192 6, 5\u00d75", "864.0 k"} <= {*found}
    assert "10\u00d76\u00d724\u00d724" in found
    assert "share of 2.816 M MACs" in found


def test_format_svg_describes_boxes_in_titles(lenet: Picture) -> None:
    root = ElementTree.fromstring(format_svg(lenet, GraphStyle()))
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert root.get("role") == "img"
    assert titles[0] == "LeNet"
    box = next(title for title in titles if title.startswith("conv1 (Conv2d)"))
    assert "864.0 k MACs, 156 parameters" in box
    assert "lenet.py:" in box


@pytest.mark.parametrize("heat", ["params", "activations", "bytes"])
def test_format_svg_heat(lenet: Picture, heat: HeatKey) -> None:
    total = lenet.templates[lenet.root]
    assert total.cost is not None
    found = words(format_svg(lenet, GraphStyle(heat=heat)))
    assert any(text.startswith("share of ") for text in found)
    assert not any("MACs: " in text for text in found)


def test_format_svg_themes(lenet: Picture) -> None:
    light, dark, auto = (
        format_svg(lenet, GraphStyle(theme=theme)) for theme in ("light", "dark", "auto")
    )
    assert COLORS["ground"][0] in light
    assert COLORS["ground"][1] not in light
    assert COLORS["ground"][1] in dark
    assert COLORS["ground"][0] not in dark
    assert "prefers-color-scheme: dark" in auto
    assert "prefers-color-scheme" not in light + dark


def test_format_svg_of_failure_shows_reason(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BROKEN, encoding="utf-8")
    svg = format_svg(picture_of(f"{file}:Broken"), GraphStyle())
    found = [text.replace("\xa0 ", " ") for text in words(svg)]
    assert any("\u00d7[144]" in text for text in found)
    assert any(text.startswith("fc expects 100 features") for text in found)
    assert any(text.startswith("try: ") for text in found)
    assert any(text.startswith("FAILED: ") for text in found)
    assert 'class="cross"' in svg


def test_format_svg_of_hostile_names_is_well_formed() -> None:
    picture = picture_of(f"{NETS / 'hostile.py'}:Hostile")
    for direction in ("TB", "LR"):
        svg = format_svg(picture, GraphStyle(depth=0, direction=direction))
        ElementTree.fromstring(svg)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066\ud800-\udfff]", svg)
        assert POISONS["html"] not in svg
        assert "<script" not in svg


def test_format_svg_has_no_reference_to_a_network(lenet: Picture) -> None:
    svg = format_svg(lenet, GraphStyle()).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|href|@import|url\((?!#)|<image|<foreignObject", svg)


def test_format_svg_of_saved_trace_is_equal(tmp_path: Path) -> None:
    trace = netinspect.load("tiny_gpt")
    file = tmp_path / "trace.json"
    netinspect.save(trace, file)
    saved = netinspect.load(str(file))
    style = GraphStyle()
    assert format_svg(picture_of_trace(trace), style) == format_svg(picture_of_trace(saved), style)


def test_format_svg_shows_difference(lenet: Picture) -> None:
    changes = ("only_a", "only_b", "changed", "same")
    root = lenet.templates[lenet.root]
    items = [replace(item, change=changes[place % 4]) for place, item in enumerate(root.items)]
    changed = replace(root, items=tuple(items), change="changed")
    templates = [changed if each is root else each for each in lenet.templates]
    svg = format_svg(replace(lenet, templates=tuple(templates)), GraphStyle())
    assert {"\u2212", "+", "\u2260"} <= {*words(svg)}
    assert 'id="halves"' in svg


@settings(max_examples=30)
@given(picture=pictures())
def test_format_svg_of_random_picture_is_well_formed(picture: Picture) -> None:
    root = ElementTree.fromstring(format_svg(picture, GraphStyle(depth=0)))
    assert root.tag.endswith("svg")


def test_format_svg_closes_boxes_above_bound() -> None:
    picture = picture_of("resnet18")
    many = format_svg(picture, GraphStyle(depth=0))
    few = format_svg(picture, GraphStyle(depth=0, max_boxes=20))
    assert few.count("<g><title>") <= 20 < many.count("<g><title>")
    assert any("closed" in text for text in words(few))
    assert not any("closed" in text for text in words(many))


@pytest.mark.parametrize(
    ("share", "step"), [(0, 0), (0.001, 1), (0.003, 2), (0.05, 4), (0.1, 5), (0.3, 6), (1, 6)]
)
def test_heat_step(share: float, step: int) -> None:
    assert heat_step(share) == step


@pytest.mark.parametrize("is_dark", [False, True])
def test_colors_of_texts_have_contrast(is_dark: bool) -> None:
    for ground in ("ground", "box", "frame", "frame2", "a_ground", "b_ground", "bad_ground"):
        for ink in ("ink", "dim"):
            assert contrast(COLORS[ink][is_dark], COLORS[ground][is_dark]) >= 4.5, (ground, ink)
    assert contrast(COLORS["bad"][is_dark], COLORS["bad_ground"][is_dark]) >= 4.5
    rules = style_rules("dark" if is_dark else "light")
    for step, both in enumerate(HEAT, 1):
        for kind in "td":
            found = re.search(rf"\.{kind}{step}{{fill:(#[0-9a-f]{{6}})}}", rules)
            assert found
            assert contrast(found[1], both[is_dark]) >= 4.5, (step, kind)


def test_format_svg_of_many_boxes_is_fast() -> None:
    picture = picture_of_trace(netinspect.load("resnet18"), fold=False)
    format_svg(picture, GraphStyle(depth=0))
    start = time.perf_counter()
    svg = format_svg(picture, GraphStyle(depth=0))
    boxes = svg.count("<g><title>")
    # Measured: 0.3 ms for a box.
    assert time.perf_counter() - start < boxes * 0.005
