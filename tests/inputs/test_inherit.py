"""Tests of dtypes and ranges of inputs that are given by their sizes only."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor, nn

import netinspect
from netinspect.inputs.choose import choose_inputs
from netinspect.inputs.request import InputRequest
from netinspect.records.request import TraceRequest
from tests import forked
from tests.support import Outcome


class Tags(nn.Module):
    """Takes indices under a name that does not show it."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 8)

    def forward(self, z: Tensor, weight: Tensor | None = None) -> Tensor:
        return self.table(z)


@pytest.mark.parametrize("spec", ["tokens=2x32", "2x32"])
def test_sizes_inherit_dtype_and_range_of_declared_example(spec: str) -> None:
    trace = netinspect.load("tiny_gpt", inputs=[spec])
    assert trace.failure is None
    assert trace.inputs[0].spec.endswith("2x32:int64:0..255")
    assert trace.inputs[0].origin == "given; int64:0..255: the model's own example"


def test_typed_spec_is_never_changed() -> None:
    for spec in ("tokens=2x32:float32", "tokens=2x32:int64"):
        trace = netinspect.load("tiny_gpt", inputs=[spec])
        assert trace.inputs[0].origin == "given"
        assert trace.inputs[0].value.dtype == spec.rpartition(":")[2]  # type: ignore[union-attr]
    assert netinspect.load("tiny_gpt", inputs=["2x32:float32"]).failure is not None


def test_sizes_inherit_dtype_that_the_failed_layer_expects() -> None:
    trace = netinspect.load(Tags(), inputs=["2x7"])
    assert trace.failure is None
    assert trace.inputs[0].spec == "2x7:int64:0..49"
    assert trace.inputs[0].origin == "given; int64:0..49: table expects int64"
    assert netinspect.load(Tags(), inputs=["2x7:float32"]).failure is not None


def test_sizes_inherit_nothing_without_evidence() -> None:
    chosen = choose_inputs(Tags(), InputRequest.parse(("z=3",)), TraceRequest())
    assert [each.record.spec for each in chosen.arguments] == ["z=3"]


def _run(spec: str, folder: Path) -> Outcome:
    return forked.run("summary", "tiny_gpt", "--input", spec, cwd=folder)


def test_too_long_sequence_hint_gives_the_longest_one(tmp_path: Path) -> None:
    done = _run("2x100", tmp_path)
    assert done.code == 4
    assert "use at most 64 positions: --input tokens=2x64:int64:0..255" in done.err
    passing = _run("tokens=2x64:int64:0..255", tmp_path)
    assert passing.code == 0


@pytest.mark.parametrize(
    ("given", "hint"), [("1x3x16", "x=1x3x16x16"), ("1x32x32", "x=1x3x32x32"), ("3x16", "x=1x3x3x16")]
)
def test_hint_for_image_of_too_few_dimensions_passes(given: str, hint: str) -> None:
    trace = netinspect.load("resnet18", inputs=[given])
    found = netinspect.summary(trace).record.header.failure
    assert found is not None
    assert found.remedies[0] == f"--input {hint}"
    assert netinspect.load("resnet18", inputs=[hint]).failure is None
