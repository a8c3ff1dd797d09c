"""Tests of inputs for code that indexes tensors at fixed positions, or cuts them into a fixed number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netinspect


class Split(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = torch.split(x * 2, 56, dim=2)
        return (a + b) * (c + d)


class Chunk(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        parts = torch.chunk(x, 3, dim=0)
        return parts[0] + parts[2]


class Unbind(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        left, right = x.unbind(1)
        return left + right


class Items(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = torch.log(x)
        return x[0].mean() + x[1].mean() + x[3].mean()


class Places(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = torch.log(x)
        x[2, 2, 0, 1] = x[3, 2, 1, 0]
        return x


class Assigned(nn.Module):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        x = torch.log(x)
        x[1, 1] = 5
        x[2] = 1
        return x


class Flattened(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.fc = nn.Linear(18, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x) + torch.ones(1, 1, 3, 3)
        return self.fc(x.flatten())


class Rows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.fc = nn.Linear(2048, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)
        return self.fc(x.view(-1, 2048))


class Select(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.index_select(x, 0, torch.tensor([0, 2, 4]))


class Step(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        return x[:, 0] + x[:, 9]


@pytest.mark.parametrize(
    ("net", "spec"),
    [
        (Split, "x=1x16x224"),
        (Chunk, "x=3x16"),
        (Unbind, "x=1x2"),
        (Items, "x=4x16"),
        (Places, "x=4x3x224x224"),
        (Assigned, "x=3x16"),
        (Flattened, "x=2x1x3x3"),
        (Rows, "x=2x1x28x28"),
        (Select, "x=8x16"),
        (Step, "x=1x16x3"),
    ],
)
def test_infer_fixed_positions(net: type[nn.Module], spec: str) -> None:
    trace = netinspect.load(net())
    assert trace.failure is None
    assert [each.spec for each in trace.inputs] == [spec]
    assert len(trace.attempts) <= 12


@pytest.mark.parametrize(
    ("net", "spec", "explanation"),
    [
        (Split, "2x3x100", "into 2 parts, but 4 are expected: a size of 224 gives 4"),
        (Chunk, "2x5", "into 2 parts, but 3 are expected: a size of 3 gives 3"),
        (Unbind, "2x3", "into 3 parts, but 2 are expected: a size of 2 gives 2"),
        (Select, "2x3", "an index of index_select is out of range: dimension 0 of (2, 3) has size 2"),
    ],
)
def test_diagnose_fixed_positions(net: type[nn.Module], spec: str, explanation: str) -> None:
    view = netinspect.summary(net(), input_size=tuple(map(int, spec.split("x"))))
    assert explanation in " ".join(str(view).split())
