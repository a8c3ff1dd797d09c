"""Tests of the invariants of pictures, for samples, odd models and random programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from torch import nn

import netinspect
from netinspect.records.base import replace
from tests.analysis.picture import programs
from tests.analysis.picture.invariants import check_picture
from tests.nets import changing, every, failing, hostile, mutating
from tests.nets.case import Case, capture_trace, rows

pytestmark = pytest.mark.filterwarnings("ignore")

SAMPLES = sorted(path.stem for path in Path("models").glob("*.py"))
ACTS = (
    *(failing.divide, failing.look_up, failing.multiply, failing.parse, failing.leave),
    *(failing.silent, failing.translate, failing.recover_then_divide, failing.recurse),
)


@pytest.mark.parametrize("options", [{}, {"train": True}, {"backward": True}, {"run": False}], ids=str)
@pytest.mark.parametrize("sample", SAMPLES)
def test_picture_of_sample(sample: str, options: dict[str, Any]) -> None:
    check_picture(netinspect.load(sample, **options))


@pytest.mark.parametrize("case", every.CASES, ids=lambda case: case.name)
def test_picture_of_odd_model(case: Case) -> None:
    check_picture(case.capture())


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_picture_of_failed_run(act: Any) -> None:
    check_picture(capture_trace(failing.Plain(act), rows(2, 3)))


@pytest.mark.parametrize("fails", [False, True])
def test_picture_of_hostile_names(fails: bool) -> None:
    check_picture(capture_trace(hostile.Hostile(fails=fails), rows(2, 4)))


@pytest.mark.parametrize("name", changing.MODELS)
def test_picture_of_changing_model(name: str) -> None:
    check_picture(capture_trace(changing.MODELS[name](), changing.X))


@pytest.mark.parametrize("act", mutating.ACTS)
def test_picture_of_mutating_model(act: str) -> None:
    check_picture(mutating.everything(act).capture())


@pytest.mark.parametrize("name", programs.MODELS)
def test_picture_of_unusual_flow(name: str) -> None:
    build, args, kwargs = programs.MODELS[name]
    check_picture(capture_trace(build(), *args, **kwargs))


def test_picture_of_call_before_root() -> None:
    def double(module: nn.Module, args: Any) -> Any:
        return (args[0] * 2,)

    handle = nn.modules.module.register_module_forward_pre_hook(double)
    try:
        trace = capture_trace(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), rows(2, 3))
    finally:
        handle.remove()
    check_picture(trace)


@pytest.mark.parametrize("sample", ["lenet", "tiny_gpt", "unet"])
def test_picture_with_symbols(sample: str) -> None:
    check_picture(netinspect.load(sample, symbolic="batch"))


def test_picture_without_counts() -> None:
    trace = netinspect.load("resnet18")
    steps = tuple(replace(step, work=()) for step in trace.steps)
    check_picture(replace(trace, steps=steps, counted="no"))


@settings(max_examples=30, deadline=None)
@given(programs.PROGRAMS)
def test_picture_of_random_program(program: programs.Program) -> None:
    check_picture(capture_trace(program, rows(2, 4), rows(2, 4) + 1))
