"""Tests of patterns of axes that do not fit, with errors of the form that einops raises."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.analysis.diagnosis.diagnose import diagnose
from tests.nets.case import capture_trace


class EinopsError(RuntimeError):
    """Stands for the error of einops, which is not a dependency."""


def cut(x: Tensor, side: int, other: int) -> Tensor:
    """Cut images into parts as `rearrange(x, "b c (h p) (w q) -> ...")` would."""
    start = 'pattern "b c (h p) (w q) -> b (h w) (p q c)"'
    shape = f"Input tensor shape: {x.shape}. Additional info: {{'p': {side}, 'q': {other}}}"
    begin = f" Error while processing rearrange-reduction {start}.\n {shape}.\n "
    if x.ndim != 4:
        raise EinopsError(f"{begin}Wrong shape: expected 4 dims. Received {x.ndim}-dim tensor.")
    for size, unit in zip(x.shape[2:], (side, other), strict=True):
        if size % unit:
            raise EinopsError(f"{begin}Shape mismatch, can't divide axis of length {size} in chunks")
    return x


class Rearrange(nn.Module):
    """A layer that looks up the rank, as that of einops does."""

    def __init__(self) -> None:
        super().__init__()
        self.pattern = "b c (h p) w -> b h (p c) w"
        self.programs = {4: "b c h w"}

    def forward(self, x: Tensor) -> Tensor:
        assert self.programs[x.ndim]
        return x.flatten(2)


class Cut(nn.Module):
    def __init__(self, side: int, other: int) -> None:
        super().__init__()
        self.sides = side, other
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(cut(x, *self.sides))


class CutRows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return cut(self.layer(x), 4, 2)


@pytest.mark.parametrize(
    ("model", "spec", "attempts"),
    [
        (Cut(9, 5), "x=1x3x225x225", 2),
        (Cut(8, 15), "x=1x3x224x225", 2),
        (CutRows(), "x=1x3x32x6", 14),
        (nn.Sequential(Rearrange()), "input=1x3x224x224", 2),
    ],
    ids=["multiples", "one multiple", "a rank", "a rank of a layer"],
)
def test_infer_fits_a_pattern(model: nn.Module, spec: str, attempts: int) -> None:
    trace = netinspect.load(model)
    assert trace.failure is None
    assert tuple(each.spec for each in trace.inputs) == (spec,)
    assert len(trace.attempts) <= attempts


def test_diagnose_explains_a_pattern() -> None:
    found = diagnose(capture_trace(Cut(9, 5), torch.zeros(1, 3, 9, 7)))
    assert found is not None
    assert found.explanation == (
        "the pattern `b c (h p) (w q)` needs a multiple of 5 for (w q); the tensor is (1, 3, 9, 7)"
    )
