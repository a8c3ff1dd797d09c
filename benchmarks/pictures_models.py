"""Models for `pictures.py`: one function each, without arguments."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).parents[1]
STAGES = 419
"""Stages of the deep network: 171 steps each, and so more than 70,000 steps."""


def lenet() -> nn.Module:
    """Return the sample LeNet: 44,426 parameters."""
    return _own("models", "lenet").LeNet()


def resnet50() -> nn.Module:
    """Return ResNet-50: 25,557,032 parameters."""
    return _own("benchmarks/nets", "resnet").resnet50()


def bert() -> nn.Module:
    """Return BERT-base of transformers: 109,482,240 parameters."""
    import transformers

    return transformers.BertModel(transformers.BertConfig())


def unet() -> nn.Module:
    """Return a UNet of the shape and size of that of Stable Diffusion 1.5: 859,520,964 parameters."""
    import diffusers

    build: Any = diffusers.UNet2DConditionModel  # mypy sees types only where diffusers is installed
    model: nn.Module = build(
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        attention_head_dim=8,
        cross_attention_dim=768,
    )
    return model


def gpt2_xl() -> nn.Module:
    """Return GPT-2 XL of transformers: 1,557,611,200 parameters."""
    import transformers

    config = transformers.GPT2Config(n_embd=1600, n_layer=48, n_head=25, use_cache=False)
    return transformers.GPT2LMHeadModel(config)


def deep() -> nn.Module:
    """Return a network of more than 70,000 steps."""
    return _own("benchmarks/nets", "deep").Deep(STAGES)


class FailingLeNet(nn.Module):
    """A LeNet whose first linear layer expects images of 32x32, called with images of 28x28."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Score each image for each digit."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        y: Tensor = self.fc2(F.relu(self.fc1(x.flatten(1))))
        return y


def failing() -> nn.Module:
    """Return a model whose layer `fc1` fails."""
    return FailingLeNet()


def _own(folder: str, name: str) -> Any:
    sys.path.insert(0, str(ROOT / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


class Model(NamedTuple):
    """One model of the benchmark, with the shapes and dtypes of the arguments of forward."""

    title: str
    build: Callable[[], nn.Module]
    inputs: Mapping[str, tuple[tuple[int, ...], torch.dtype]]
    packages: tuple[str, ...] = ()

    @property
    def specs(self) -> list[str]:
        """Inputs as specs of the command line."""
        return [
            f"{name}={'x'.join(map(str, shape))}:{str(dtype).removeprefix('torch.')}"
            for name, (shape, dtype) in self.inputs.items()
        ]

    def examples(self, device: str) -> dict[str, Tensor]:
        """Return tensors of zeros on a device."""
        return {
            name: torch.zeros(shape, dtype=dtype, device=device)
            for name, (shape, dtype) in self.inputs.items()
        }


_IDS = {"input_ids": ((1, 64), torch.int64)}
_DENOISING = {
    "sample": ((1, 4, 64, 64), torch.float32),
    "timestep": ((1,), torch.int64),
    "encoder_hidden_states": ((1, 77, 768), torch.float32),
}

MODELS = {
    "lenet": Model("LeNet", lenet, {"x": ((10, 1, 28, 28), torch.float32)}),
    "resnet50": Model("ResNet-50", resnet50, {"x": ((1, 3, 224, 224), torch.float32)}),
    "bert": Model("BERT-base", bert, _IDS, ("transformers",)),
    "unet": Model("UNet (SD 1.5)", unet, _DENOISING, ("diffusers", "transformers")),
    "gpt2_xl": Model("GPT-2 XL", gpt2_xl, _IDS, ("transformers",)),
    "deep": Model("Deep", deep, {"x": ((1, 8), torch.float32)}),
    "failing": Model("failing LeNet", failing, {"x": ((1, 1, 28, 28), torch.float32)}),
}
