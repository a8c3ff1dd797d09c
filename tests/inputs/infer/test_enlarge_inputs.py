"""Tests of larger inputs where a part is degenerate, and of pictures that are flattened first."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.inputs.infer.degenerate import degenerate_steps


class Deep(nn.Module):
    """Halves its input several times, and pools the rest."""

    def __init__(self, halvings: int, features: int | None = None) -> None:
        super().__init__()
        sizes = (1, *[4] * halvings)
        self.layers = nn.Sequential(*(nn.Conv2d(*pair, 3, 2, 1) for pair in pairwise(sizes)))
        self.head = nn.Linear(features or 4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean((2, 3)))


class Fixed(Deep):
    """Its head determines the size of the map."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).flatten(1))


class Stretched(nn.Module):
    """Pools maps of 32 x 32 pictures to more pixels than they have."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(16))
        self.head = nn.Linear(4 * 49, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.adaptive_avg_pool2d(self.conv(x), 7).flatten(1))


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv3d(2 if at == 0 else 4, 4, 3, 2, 1) for at in range(6)), nn.AdaptiveAvgPool3d(1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Squeezed(nn.Module):
    """A small network with a gate, which pools to one value and works on it with kernels of 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y * self.gate(F.adaptive_avg_pool2d(y, 1)).sigmoid()


class Graph(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor, batch: Tensor) -> Tensor:
        return torch.zeros(2, 3).index_add_(0, batch, self.fc(x))


class Neighbours(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ self.fc(x)


class Words(nn.Module):
    """Attends to the columns of its input, of which the reshape alone knows the number."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x.reshape(1, -1, 6))
        return F.scaled_dot_product_attention(y, y, y)


class Speech(nn.Module):
    """Checks that it gets enough samples, which a search satisfies with few."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((1, 10, 5), (4, 3, 2), (4, 3, 2))
        self.layers = nn.Sequential(*(nn.Conv1d(one, 4, kernel, by) for one, kernel, by in sizes))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x[:, None])


class Discriminator(nn.Module):
    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(pixels, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, img: Tensor) -> Tensor:
        return self.net(img.view(img.size(0), -1))


class Viewed(Discriminator):
    def forward(self, img: Tensor) -> Tensor:
        return self.net(img.view(-1, 784))


class Rows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(28, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x.reshape(-1, 28, 28))[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Deep(3), "x=1x1x28x28"),
        (Deep(5), "x=1x1x64x64"),
        (Deep(6), "x=1x1x64x64"),
        (Fixed(5), "x=1x1x28x28"),
        (Fixed(2, 4 * 4), "x=1x1x8x8"),
        (Stretched(), "x=1x3x128x128"),
        (Volume(), "x=1x2x96x96x96"),
        (Squeezed(), "x=1x1x28x28"),
        (Graph(), "x=16x4 batch=16:int64:0..1"),
        (Neighbours(), "x=16x8 adjacency=16x16:float32:0..1"),
        (Speech(), "x=1x16000"),
        (Discriminator(784), "img=1x1x28x28"),
        (Discriminator(3072), "img=1x3x32x32"),
        (Discriminator(100), "img=1x100"),
        (Discriminator(770), "img=1x770"),
        (Viewed(784), "img=1x1x28x28"),
        (Rows(), "x=1x1x28x28"),
    ],
)
def test_inputs_are_not_degenerate(model: nn.Module, expected: str) -> None:
    trace = netinspect.load(model)
    assert trace.failure is None
    assert " ".join(each.spec for each in trace.inputs) == expected


def test_given_inputs_are_not_enlarged() -> None:
    assert netinspect.load(Deep(6), inputs="1x1x28x28").inputs[0].spec == "1x1x28x28"


def test_reason_of_a_larger_input() -> None:
    assert netinspect.load(Deep(6)).inputs[0].origin == (
        "layers.0 takes 1 channel; larger, as with a smaller one layers.5 slides a kernel of 3 over a "
        "single value"
    )


@pytest.mark.parametrize(
    ("model", "inputs", "kind"),
    [
        (Deep(6), "1x1x28x28", "map"),
        (Deep(1), "1x1x7x7", "map"),
        (Deep(1), "1x1x8x8", None),
        (nn.Conv2d(1, 2, 5), "1x1x5x5", None),
        (nn.InstanceNorm2d(4).eval(), "1x4x1x1", "map"),
        (nn.AdaptiveAvgPool2d(1), "1x4x1x1", "map"),
        (nn.AdaptiveMaxPool2d(7), "1x4x3x3", "map"),
        (nn.MaxPool2d(2), "1x4x8x8", None),
        (Words(), "1x6", "sequence"),
        (Words(), "2x6", None),
        (nn.MultiheadAttention(8, 2), ["1x1x8", "1x1x8", "1x1x8"], "sequence"),
        (nn.MultiheadAttention(8, 2), ["5x1x8", "5x1x8", "5x1x8"], None),
        (Graph(), ["1x4", "1:int64:0..1"], "graph"),
        (Graph(), ["3x4", "3:int64:0..1"], None),
    ],
)
def test_degenerate_steps(model: nn.Module, inputs: str | list[str], kind: str | None) -> None:
    trace = netinspect.load(model, inputs=inputs)
    found = degenerate_steps(trace.steps)
    assert {each.kind for each in found} == ({kind} if kind else set())
