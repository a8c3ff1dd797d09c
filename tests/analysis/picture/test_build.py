"""Tests of the picture of a trace: what is in it, against the trace itself."""

from __future__ import annotations

import pytest

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.places import all_places
from netinspect.records.trace import Trace
from netinspect.reports.cost.compute import count_cost

SAMPLES = (
    "lenet",
    "resnet18",
    "tiny_gpt",
    "unet",
    "lstm_tagger",
    "shared_layer",
    "two_inputs",
    "encoder",
)


@pytest.fixture(scope="module", params=SAMPLES)
def trace(request: pytest.FixtureRequest) -> Trace:
    return netinspect.load(request.param)


@pytest.mark.parametrize("fold", [True, False])
def test_picture_has_every_step_in_one_box(trace: Trace, fold: bool) -> None:
    places = [*all_places(picture_of_trace(trace, fold=fold))]
    calls = {
        place.step: (place.template.label, place.path)
        for place in places
        if place.template.kind in ("module", "function") and place.template.steps
    }
    assert calls == {step.index: (step.name, step.module) for step in trace.steps}


@pytest.mark.parametrize("fold", [True, False])
def test_picture_costs_add_up_to_total_of_cost_report(trace: Trace, fold: bool) -> None:
    picture = picture_of_trace(trace, fold=fold)
    assert picture.templates[picture.root].cost == count_cost(trace).total
