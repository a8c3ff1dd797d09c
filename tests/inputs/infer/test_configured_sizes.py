"""Tests of input sizes in attributes, configurations and constructor arguments of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor, nn

import netinspect
from tests.support import Outcome


def chosen(model: nn.Module) -> tuple[str, str]:
    """Return spec and reason of the only input of a model."""
    trace = netinspect.load(model)
    assert trace.failure is None
    (entry,) = trace.inputs
    return entry.spec, entry.origin


class Configured(nn.Module):
    """A model with attributes and one layer, which takes the input."""

    def __init__(self, layer: nn.Module, **attributes: Any) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def convolution(channels: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, 4, 3, padding=1)


class Space:
    """An observation space, whose shape is stored."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape


CASES = {
    "a side": (Configured(convolution(), image_size=48), "x=1x3x48x48"),
    "two sides": (Configured(convolution(), in_size=(40, 56)), "x=1x3x40x56"),
    "a height and a width": (Configured(convolution(), img_height=24, img_width=72), "x=1x3x24x72"),
    "a config": (Configured(convolution(), config=SimpleNamespace(sample_size=32)), "x=1x3x32x32"),
    "a dictionary": (Configured(convolution(), hparams={"resolution": 96}), "x=1x3x96x96"),
    "a nested dictionary": (Configured(convolution(), cfg={"data": {"img_size": 80}}), "x=1x3x80x80"),
    "a part": (Configured(Configured(convolution(), img_size=96)), "x=1x3x96x96"),
    "channels and sides": (Configured(convolution(), input_shape=(3, 40, 56)), "x=1x3x40x56"),
    "channels last": (Configured(convolution(), input_shape=(40, 56, 3)), "x=1x3x40x56"),
    "a batch": (Configured(convolution(), input_shape=(8, 3, 40, 56)), "x=1x3x40x56"),
    "a space": (Configured(convolution(4), observation_space=Space(4, 84, 84)), "x=1x4x84x84"),
    "a cube": (Configured(nn.Conv3d(1, 2, 3), img_size=(32, 40, 48)), "x=1x1x32x40x48"),
    "one side of a cube": (Configured(nn.Conv3d(1, 2, 3), roi=0, image_size=32), "x=1x1x32x32x32"),
    "frames": (Configured(nn.Conv3d(3, 2, 3), num_frames=8, crop_size=64), "x=1x3x8x64x64"),
    "a rate": (Configured(nn.Conv1d(1, 4, 3), sample_rate=8_000), "x=1x1x8000"),
    "a rate in stereo": (Configured(nn.Conv1d(2, 4, 3), samplerate=44_100), "x=1x2x44100"),
    "a length": (Configured(nn.LSTM(5, 4, batch_first=True), seq_len=24), "x=1x24x5"),
    "a length first": (Configured(nn.GRU(5, 4), sequence_length=24), "x=24x1x5"),
    "a short context": (Configured(nn.Embedding(50, 4), block_size=8), "x=1x8:int64:0..49"),
    "a long context": (Configured(nn.Embedding(50, 4), max_len=512), "x=1x16:int64:0..49"),
    "a length in a linear layer": (Configured(nn.Linear(5, 4), seq_len=24, enc_in=5), "x=1x24x5"),
}


@pytest.mark.parametrize("name", CASES)
def test_infer_uses_what_the_model_states(name: str) -> None:
    model, expected = CASES[name]
    spec, reason = chosen(model)
    assert spec == expected
    if name != "a long context":
        assert " = " in reason


CONTRADICTED = {
    "channels of a later layer": (Configured(convolution(), in_channels=512), "x=1x3x224x224"),
    "a shape of other channels": (Configured(convolution(), input_shape=(5, 40, 40)), "x=1x3x224x224"),
    "features of a layer": (Configured(nn.Linear(6, 2), input_dim=9), "x=1x6"),
    "a number of words": (Configured(nn.Embedding(50, 4), input_dim=50), "x=1x16:int64:0..49"),
    "a side in words": (Configured(convolution(), image_size="large"), "x=1x3x224x224"),
    "a side out of range": (Configured(convolution(), image_size=10**12), "x=1x3x224x224"),
    "a flag": (Configured(convolution(), resolution=True), "x=1x3x224x224"),
}


@pytest.mark.parametrize("name", CONTRADICTED)
def test_infer_keeps_what_weights_require(name: str) -> None:
    model, expected = CONTRADICTED[name]
    assert chosen(model)[0] == expected


class Computed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = convolution()

    @property
    def image_size(self) -> int:
        raise AssertionError("a property of the user ran")

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def test_infer_runs_no_property_for_a_size() -> None:
    assert chosen(Computed())[0] == "x=1x3x224x224"


class Lying(nn.Module):
    """A model with the attribute of a side on which it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.image_size = 64
        self.layer = convolution(1)
        self.head = nn.Linear(4 * 28 * 28, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x).flatten(1))


def test_infer_falls_back_if_the_configured_size_fails() -> None:
    assert chosen(Lying())[0] == "x=1x1x28x28"


PATCHES = """
import torch
from torch import nn


class Patches(nn.Module):
    def __init__(self, image_size=48, patch_size=8, channels=1):
        super().__init__()
        self.side = patch_size
        self.embed = nn.Linear(channels * patch_size**2, 16)
        self.positions = nn.Parameter(torch.zeros(1, (image_size // patch_size) ** 2, 16))

    def forward(self, x):
        b, c, h, w = x.shape
        p = self.side
        x = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5)
        return self.embed(x.reshape(b, -1, c * p * p)) + self.positions


class Stem(nn.Module):
    def __init__(self, resolution=224):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x)


def small(resolution=40):
    return Stem()
"""


@pytest.mark.parametrize(
    ("target", "args", "spec", "reason"),
    [
        ("Patches", [], "x=1x1x48x48", "the default image_size = 48"),
        ("Patches", ["image_size=32", "channels=3"], "x=1x3x32x32", "--arg image_size=32"),
        ("Stem", ["resolution=96"], "x=1x3x96x96", "--arg resolution=96"),
        ("small", [], "x=1x3x40x40", "the default resolution = 40"),
    ],
)
def test_summary_uses_arguments_of_the_constructor(
    tmp_path: Path,
    installed: Callable[..., Outcome],
    target: str,
    args: list[str],
    spec: str,
    reason: str,
) -> None:
    file = tmp_path / "net.py"
    file.write_text(PATCHES)
    options = [part for each in args for part in ("--arg", each)]
    outcome = installed("summary", f"{file}:{target}", *options, "--explain-input", "--format", "rich")
    assert outcome.code == 0, outcome.err
    assert spec.replace("=", " = ", 1) in outcome.out
    assert reason in outcome.out


def test_infer_reads_configured_sizes_of_patches_from_attributes() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.image_size, self.patch_size, self.channels = 24, 4, 2
            self.embed = nn.Linear(32, 8)

        def forward(self, x: Tensor) -> Tensor:
            cut = nn.functional.unfold(x, 4, stride=4)
            return self.embed(cut.transpose(1, 2)) + nn.Parameter().new_zeros(36, 8)

    assert chosen(Cut())[0] == "x=1x2x24x24"
