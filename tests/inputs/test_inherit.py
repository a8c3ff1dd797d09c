"""Tests of dtypes and ranges of inputs that are given by their sizes only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
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


class Pair(nn.Module):
    """Takes indices of two tables of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Embedding(50, 8), nn.Embedding(6, 8)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        return self.one(u) + self.other(v)


class Masked(Pair):
    """Takes a mask next to two inputs of indices."""

    def forward(self, u: Tensor, v: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(u, v).masked_fill(mask.unsqueeze(-1), 0.0)


class Named(Pair):
    """Takes keyword arguments only."""

    def forward(self, *, u: Tensor, v: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(u, v)


class Listed(Pair):
    """Takes any number of positional arguments, which have no names."""

    def forward(self, *args: Tensor) -> Tensor:
        return super().forward(*args)


class Keyed(Pair):
    """Takes a dictionary."""

    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(batch["u"], batch["v"])


class Chosen(Pair):
    """Takes features, and the positions of those that it gathers."""

    def forward(self, x: Tensor, index: Tensor, ids: Tensor) -> Tensor:  # type: ignore[override]
        return x.gather(1, index) * self.other(ids)


class Shared(Pair):
    """Looks the same indices up in both tables."""

    def forward(self, u: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(u, u)


_U, _V = "u=2x5:int64:0..49", "v=2x5:int64:0..5"


@pytest.mark.parametrize(
    ("model", "given", "specs"),
    [
        (Pair, ["u=2x5", "v=2x5"], [_U, _V]),
        (Pair, ["2x5", "2x5"], [_U[2:], _V[2:]]),
        (Pair, ["v=2x5", "u=2x5"], [_U, _V]),
        (Pair, ["v=2x5", "2x5"], [_U[2:], _V]),
        (Pair, ["u=2x5:int64:0..3", "v=2x5"], ["u=2x5:int64:0..3", _V]),
        (Masked, ["u=2x5", "v=2x5", "mask=2x5"], [_U, _V, "mask=2x5:bool"]),
        (Named, ["u=2x5", "v=2x5"], [_U, _V]),
        (Listed, ["2x5", "2x5"], [_U[2:], _V[2:]]),
        (Keyed, ["batch.u=2x5", "batch.v=2x5"], [f"batch.{_U} batch.{_V}"]),
        (
            Chosen,
            ["x=2x8", "index=2x8", "ids=2"],
            ["x=2x8", "index=2x8:int64:0..1", "ids=2:int64:0..5"],
        ),
        (Shared, ["u=2x5"], ["u=2x5:int64:0..5"]),
    ],
)
def test_each_input_of_sizes_inherits_what_its_layer_expects(
    model: type[nn.Module], given: list[str], specs: list[str]
) -> None:
    trace = netinspect.load(model(), inputs=given)
    assert trace.failure is None, trace.failure
    assert [each.spec for each in trace.inputs] == specs


def test_sizes_of_two_inputs_are_completed_in_each_interface(tmp_path: Path) -> None:
    sizes, ids = [(2, 5), (2, 5)], torch.zeros(2, 5, dtype=torch.long)
    views = [
        netinspect.summary(Pair(), input_size=sizes),
        netinspect.summary(Pair(), input_size={"v": (2, 5), "u": (2, 5)}),
        netinspect.summary(Pair(), inputs=["2x5", "2x5"]),
        netinspect.summary(Pair(), input_size=[(2, 5)], kwargs={"v": ids}),
    ]
    assert [view.record.header.failure for view in views] == [None] * len(views)
    (tmp_path / "pair.py").write_text(
        "from torch import nn\n"
        "class Pair(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.one, self.other = nn.Embedding(50, 8), nn.Embedding(6, 8)\n"
        "    def forward(self, u, v):\n"
        "        return self.one(u) + self.other(v)\n"
    )
    done = forked.run("summary", "pair.py:Pair", "-i", "u=2x5", "-i", "v=2x5", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "v = 2x5 int64 (given; int64:0..5: other expects int64)" in done.out + done.err


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
