"""Tests of `netinspect.rendering.graph.opening`."""

from __future__ import annotations

import pytest

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.places import all_places
from netinspect.records.picture import Picture
from netinspect.rendering.graph.opening import count_boxes, open_boxes


@pytest.fixture(scope="module")
def resnet() -> Picture:
    return picture_of_trace(netinspect.load("resnet18"))


def paths(picture: Picture, opened: frozenset[tuple[int, ...]]) -> list[str]:
    return [place.path for place in all_places(picture) if place.numbers in opened]


def test_open_boxes_default_opens_one_block_of_each_class(resnet: Picture) -> None:
    opened = open_boxes(resnet)
    assert count_boxes(resnet, opened) <= 40
    assert paths(resnet, opened) == [
        "", "layer1", "layer1.0", "layer2", "layer2.0", "layer3", "layer4",
    ]  # fmt: skip


def test_open_boxes_depth(resnet: Picture) -> None:
    assert open_boxes(resnet, depth=1) == {()}
    assert paths(resnet, open_boxes(resnet, depth=2)) == ["", "layer1", "layer2", "layer3", "layer4"]
    everything = open_boxes(resnet, depth=0)
    assert count_boxes(resnet, everything) > 60


def test_open_boxes_pattern_opens_boxes_around(resnet: Picture) -> None:
    assert paths(resnet, open_boxes(resnet, patterns=("layer4.1",))) == ["", "layer4", "layer4.1"]
    assert paths(resnet, open_boxes(resnet, patterns=("conv?",))) == ["", "conv1"]


def test_open_boxes_bound_closes_the_deepest(resnet: Picture) -> None:
    opened = open_boxes(resnet, depth=0, most_boxes=20)
    assert count_boxes(resnet, opened) <= 20
    assert {len(numbers) for numbers in opened} == {0, 1}
