"""Tests that work grows linearly with modules and steps, counted in calls and not in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import netinspect
from tests.support import calls_of

pytestmark = pytest.mark.slow


class Reused(nn.Module):
    """One layer that is called many times."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.calls):
            x = self.layer(x)
        return x


class Writes(nn.Module):
    """One tensor that is written to many times, in all its parts."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        for index in range(self.calls):
            x[:, index % 2].add_(1)
        return x


def flat(layers: int) -> nn.Module:
    return nn.Sequential(*(nn.Linear(2, 2) for _ in range(layers)))


def tree(leaves: int) -> nn.Module:
    if leaves <= 5:
        return nn.Sequential(*(nn.ReLU() for _ in range(leaves)))
    return nn.Sequential(*(tree(leaves // 5) for _ in range(5)))


def tied(layers: int) -> nn.Module:
    model = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(layers)))
    for layer in model:
        layer.weight = model[0].weight
    return model


def trace_model(model: nn.Module) -> None:
    """Trace a model, and render its summary in each format and its steps."""
    trace = netinspect.capture(model, torch.ones(1, 2))
    for view in (
        netinspect.summary(trace),
        netinspect.summary(trace, functions=True),
        netinspect.trace(trace),
    ):
        for style in ("rich", "plain", "json"):
            view.text(style)


@pytest.mark.parametrize("make", [flat, tree, tied, Reused, Writes])
def test_trace_work_grows_linearly(make: Callable[[int], nn.Module]) -> None:
    small, large = make(125), make(625)
    trace_model(small)  # what is imported and remembered is not counted
    few, many = calls_of(partial(trace_model, small)), calls_of(partial(trace_model, large))
    assert many < 5.3 * few
