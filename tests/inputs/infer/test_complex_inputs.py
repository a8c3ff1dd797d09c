"""Tests of inputs for models that compute with complex numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import netinspect


class Parts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.real + x.imag


class Pairs(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.view_as_real(x).sum(-1)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3, dtype=torch.complex64)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc(x)
        return y


class Weight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 3, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


@pytest.mark.parametrize(
    ("net", "spec"),
    [
        (Parts, "x=1x16:complex64"),
        (Pairs, "x=1x16:complex64"),
        (Layer, "x=1x4:complex64"),
        (Weight, "x=1x4:complex64"),
    ],
)
def test_infer_complex_inputs(net: type[nn.Module], spec: str) -> None:
    trace = netinspect.load(net())
    assert trace.failure is None
    assert [each.spec for each in trace.inputs] == [spec]
    assert len(trace.attempts) == 2
