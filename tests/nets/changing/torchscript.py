"""Modules of TorchScript that change themselves, alone and inside other modules.

The compiler of TorchScript reads annotations as objects, so this file does not postpone them.
"""

from collections.abc import Callable
from typing import Any, Dict, List, Optional  # noqa: UP035

import torch
from torch import Tensor, nn

X = torch.arange(12.0).reshape(4, 3)
"""Input of all models in this package."""


class Counter:
    """A scripted class."""

    def __init__(self) -> None:
        self.count = 0
        self.seen = [1]

    def step(self) -> None:
        """Count."""
        self.count += 1
        self.seen.append(self.count)


class Counting(nn.Module):
    """Changes attributes of all kinds that TorchScript supports."""

    number: int
    ratio: float
    word: str
    flag: bool
    names: List[str]  # noqa: UP006
    table: Dict[str, int]  # noqa: UP006
    nested: List[List[int]]  # noqa: UP006
    maybe: Optional[Tensor]  # noqa: UP045

    def __init__(self) -> None:
        super().__init__()
        self.number, self.ratio, self.word, self.flag = 0, float("nan"), "a", False
        self.names, self.table, self.nested = ["a"], {"a": 1}, [[1]]
        self.maybe = None
        self.plain = torch.zeros(3)
        self.listed = [torch.zeros(3)]
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("buffer", torch.zeros(3))
        self.register_buffer("replaced", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        """Change everything."""
        self.number += 1
        self.ratio = 1.5
        self.word = self.word + "b"
        self.flag = True
        self.names.append("b")
        self.table["b"] = 2
        self.nested[0].append(2)
        self.maybe = x
        self.plain.add_(1)
        self.listed[0].add_(1)
        self.buffer.add_(1)  # type: ignore[operator]
        self.replaced = self.replaced + 1  # type: ignore[has-type]
        with torch.no_grad():
            self.linear.weight.mul_(2)
        return self.dropout(self.norm(self.linear(x)))


class Around(nn.Module):
    """Contains a module of TorchScript."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.dropout = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        """Call it."""
        out: Tensor = self.dropout(self.inner(x))
        return out


def _mixed(module: Any) -> nn.Module:
    module.train()
    module.dropout.eval()
    return module


def _scripted() -> nn.Module:
    return _mixed(torch.jit.script(Counting()))


def _traced() -> nn.Module:
    layers = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())
    return torch.jit.trace(layers.train(), X, check_trace=False)


def _frozen() -> nn.Module:
    return torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(3, 3)).eval()))


class _HoldsObject(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.counter = torch.jit.script(Counter)()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.counter.step()
        return self.linear(x)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "scripted": _scripted,
    "scripted inside": lambda: _mixed(Around(_scripted())),
    "traced": _traced,
    "traced inside": lambda: _mixed(Around(_traced())),
    "frozen": _frozen,
    "frozen inside": lambda: _mixed(Around(_frozen())),
    "scripted object": lambda: torch.jit.script(_HoldsObject()),
    "scripted twice": lambda: Around(Around(torch.jit.script(Around(nn.BatchNorm1d(3))))),
}
