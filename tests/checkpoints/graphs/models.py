"""Models whose files are read as graphs, each with its inputs."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SAMPLES = Path(__file__).parents[3] / "models"

Built = tuple[nn.Module, tuple[Any, ...]]


def sample(name: str, *inputs: Tensor) -> Callable[[], Built]:
    """Return a builder of a sample model."""

    def build() -> Built:
        spec = importlib.util.spec_from_file_location(name, SAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        torch.manual_seed(0)
        return getattr(module, module.MODEL)().eval(), inputs

    return build


class Tied(nn.Module):
    """Embedding and head with one weight, and a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.layer = nn.Linear(4, 4)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        """Score each token."""
        y = self.layer(self.embedding(x))
        y = torch.relu(self.layer(y) + y)
        made: Tensor = self.head(y)
        return made


class Several(nn.Module):
    """Several inputs and outputs, and an operator with several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 6)
        self.right = nn.Linear(3, 6)
        self.register_buffer("scale", torch.ones(6))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the parts of the sum, and what they came from."""
        z = self.left(x) * self.scale + self.right(y)
        one, two = z.chunk(2, 1)
        return one, two, torch.cat([z, x], 1)


class Branching(nn.Module):
    """`if` and loops on values, for `torch.jit.script`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.last = nn.Linear(4, 4)

    def forward(self, x: Tensor, times: int) -> Tensor:
        """Take a way that depends on the values."""
        for layer in self.layers:
            x = torch.relu(layer(x)) + x
        for _ in range(times):
            x = self.last(x)
        while bool(x.sum() > 10):
            x = x / 2
        if x.shape[0] > 2:
            x = self.last(x).relu()
        else:
            x = torch.nn.functional.dropout(x.sin(), 0.5, self.training)
        return x


class Conditional(nn.Module):
    """`torch.cond`, for `torch.export`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Take one of two branches."""
        x = self.first(x)
        made: Tensor = torch.cond(x.sum() > 0, lambda t: self.second(t).relu(), torch.sin, (x,))
        return made + x


def tokens(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.int64)


SAMPLE_MODELS: dict[str, Callable[[], Built]] = {
    "lenet": sample("lenet", torch.zeros(2, 1, 28, 28)),
    "resnet18": sample("resnet18", torch.zeros(1, 3, 64, 64)),
    "tiny_gpt": sample("tiny_gpt", tokens(2, 8)),
    "shared_layer": sample("shared_layer", torch.zeros(8, 32)),
    "two_inputs": sample("two_inputs", torch.zeros(4, 3, 32, 32), tokens(4, 8)),
    "unet": sample("unet", torch.zeros(1, 1, 64, 64)),
    "tied": lambda: (Tied().eval(), (tokens(2, 3),)),
    "several": lambda: (Several().eval(), (torch.zeros(2, 4), torch.zeros(2, 3))),
}


@functools.cache
def built(name: str) -> Built:
    """Return a model of `SAMPLE_MODELS` with its inputs."""
    return SAMPLE_MODELS[name]()
