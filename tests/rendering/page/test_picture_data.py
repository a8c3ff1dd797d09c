"""Tests of the data of a picture in a page."""

from __future__ import annotations

import json

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.rendering.page.picture_data import picture_data


def test_picture_data_is_json_without_defaults() -> None:
    data = picture_data(picture_of_trace(netinspect.load("resnet18")))
    assert json.loads(json.dumps(data)) == data
    assert len(json.dumps(data, separators=(",", ":"))) < 50_000
    assert data["shapes"].count([1, 3, 224, 224]) == 1
    convolution = next(each for each in data["templates"] if each["label"] == "Conv2d")
    assert convolution.keys().isdisjoint({"kind", "failed", "change"})
    assert convolution["library"]
    names = [item[1] for each in data["templates"] for item in each.get("items", ())]
    assert 1 in names
    assert [".0", ".1"] in names


def test_picture_data_keeps_ends_of_edges_and_zero_costs() -> None:
    picture = picture_of_trace(netinspect.load("tiny_gpt"))
    data = picture_data(picture)
    for template, found in zip(picture.templates, data["templates"], strict=True):
        assert [tuple(each[:2]) for each in found.get("edges", ())] == [
            (each.source, each.target) for each in template.edges
        ]
        assert ("cost" in found) == (template.cost is not None)


def test_picture_data_of_symbolic_trace_has_expressions() -> None:
    picture = picture_of_trace(netinspect.load("lenet", symbolic="batch"))
    data = picture_data(picture)
    assert data["templates"][data["root"]]["cost"]["texts"]["macs"].endswith("*N")
    assert ["N", 1, 28, 28] in data["shapes"]


def test_picture_data_has_no_home_of_the_user() -> None:
    picture = picture_of_trace(netinspect.load("lenet"))
    assert picture_data(picture)["files"] == ["models/lenet.py"]
