"""Tests of usual sizes: small pictures, volumes, clips and signals."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import netinspect


class Pooled(nn.Module):
    """A stem, one stage, global pooling and a classifier."""

    def __init__(
        self, classes: int, kernel: int = 3, stride: int = 1, padding: int = 1, channels: int = 3
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 8, kernel, stride, padding)
        self.stage = nn.Conv2d(8, 8, 3, 2, 1)
        self.head = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stage(self.stem(x)).mean((2, 3)))


class CifarNet(Pooled):
    def __init__(self) -> None:
        super().__init__(7)


class Convolutional(nn.Sequential):
    """Its last layer is a convolution that makes one map per class."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 10, 1), nn.AdaptiveAvgPool2d(1))


class Segmenter(nn.Sequential):
    def __init__(self) -> None:
        down, up = nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 8, 2, 2)
        super().__init__(down, nn.MaxPool2d(2), up, nn.Conv2d(8, 10, 1))


class Volume(nn.Module):
    def __init__(self, channels: int = 1, kernel: int | tuple[int, int, int] = 3) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, 4, kernel, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)


class Scan(Volume):
    def forward(self, ct: Tensor) -> Tensor:
        return self.first(ct)


class Frames(Volume):
    def forward(self, frames: Tensor) -> Tensor:
        return self.first(frames)


class FlatVolume(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv3d(2, 4, 2, 2), nn.Conv3d(4, 4, 2, 2), nn.Flatten(), nn.Linear(4000, 2))


class VolumePatches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv3d(1, 8, 16, 16)
        self.positions = nn.Parameter(torch.zeros(1, 6**3, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.patches(x).flatten(2).transpose(1, 2) + self.positions


class VolumeUnet(nn.Module):
    """Joins maps of several scales, so that the equal sides must be halved three times."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Conv3d(4, 4, 3, padding=1)
        self.down = nn.Conv3d(4, 4, 3, 2, 1)
        self.up = nn.ConvTranspose3d(4, 4, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        one = self.inside(x)
        two = self.down(one)
        return one + self.up(two + self.up(self.down(two)))


class Encoder(nn.Module):
    def __init__(self, channels: int, kernel: int, stride: int, layers: int) -> None:
        super().__init__()
        sizes = (channels, *[4] * layers)
        self.layers = nn.Sequential(
            *(nn.Conv1d(one, other, kernel, stride) for one, other in pairwise(sizes))
        )
        self.back = nn.ConvTranspose1d(4, channels, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Separator(Encoder):
    def forward(self, mixture: Tensor) -> Tensor:
        return self.layers(mixture)


def shape(model: nn.Module) -> str:
    trace = netinspect.load(model)
    assert trace.failure is None
    return trace.inputs[0].spec.partition("=")[2]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Pooled(10), "1x3x32x32"),
        (Pooled(100), "1x3x32x32"),
        (Pooled(10, kernel=5), "1x3x32x32"),
        (CifarNet(), "1x3x32x32"),
        (Convolutional(), "1x3x32x32"),
        (Pooled(1000), "1x3x224x224"),
        (Pooled(10, kernel=7, stride=2), "1x3x224x224"),
        (Pooled(10, stride=2), "1x3x224x224"),
        (Pooled(10, channels=1), "1x1x28x28"),
        (Segmenter(), "1x3x224x224"),
    ],
)
def test_picture_sizes(model: nn.Module, expected: str) -> None:
    assert shape(model) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Volume(), "1x1x64x64x64"),
        (Volume(2), "1x2x64x64x64"),
        (Volume(4), "1x4x64x64x64"),
        (Scan(3), "1x3x64x64x64"),
        (Volume(3), "1x3x16x112x112"),
        (Volume(1, (3, 7, 7)), "1x1x16x112x112"),
        (Frames(1), "1x1x16x112x112"),
        (FlatVolume(), "1x2x40x40x40"),
        (VolumePatches(), "1x1x96x96x96"),
        (VolumeUnet(), "1x4x64x64x64"),
    ],
)
def test_volume_sizes(model: nn.Module, expected: str) -> None:
    assert shape(model) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Encoder(1, 10, 5, 1), "1x1x16000"),
        (Encoder(1, 4, 4, 3), "1x1x16000"),
        (Encoder(2, 8, 4, 2), "1x2x16000"),
        (Separator(1, 4, 2, 1), "1x1x16000"),
        (Encoder(12, 8, 4, 2), "1x12x128"),
        (Encoder(1, 3, 1, 2), "1x1x128"),
    ],
)
def test_signal_lengths(model: nn.Module, expected: str) -> None:
    assert shape(model) == expected
