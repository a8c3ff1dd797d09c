"""Models whose forward fails, in a layer or in Python code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Wrong(nn.Module):
    """A nested layer gets an input of the wrong size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.body = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(5, 5)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(self.first(x))
        return out


class Plain(nn.Module):
    """Python code in a child module fails."""

    def __init__(self, act: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.child = Acting(act)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.child(self.first(x))
        return out


class Acting(nn.Module):
    def __init__(self, act: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        self.act(x)
        return x + 1


def divide(x: Tensor) -> float:
    return 1 / 0


def look_up(x: Tensor) -> Tensor:
    return {"a": x}["b"]


def multiply(x: Tensor) -> Tensor:
    return x @ torch.zeros(7, 7)


def parse(x: Tensor) -> Any:
    return json.loads("{")


def leave(x: Tensor) -> None:
    raise SystemExit(3)


def silent(x: Tensor) -> None:
    raise AssertionError


def translate(x: Tensor) -> Tensor:
    try:
        return multiply(x)
    except RuntimeError as error:
        raise ValueError("sizes do not fit") from error


def recover_then_divide(x: Tensor) -> float:
    try:
        multiply(x)
    except RuntimeError:
        x = x + 1
    return 1 / 0


def recurse(x: Tensor) -> Tensor:
    return recurse(x)
