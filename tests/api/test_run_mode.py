"""Mode of forward: `train` of `netinspect.load`."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netinspect


class Mixed(nn.Module):
    """Records the modes that its layers run in."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(0.5)
        self.frozen.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.drop(self.frozen(x))
        return y if self.frozen.training else y.unsqueeze(-1) if self.drop.training else y.T


@pytest.mark.parametrize(
    ("train", "shape", "mode"),
    [(None, (2, 3, 1), "train"), (True, (2, 3), "train"), (False, (3, 2), "eval")],
)
def test_train_selects_the_mode_of_each_module(
    train: bool | None, shape: tuple[int, ...], mode: str
) -> None:
    model = Mixed()
    trace = netinspect.load(model, args=(torch.ones(2, 3),), train=train)
    assert trace.steps[0].output is not None
    assert trace.steps[0].output.shape == shape  # type: ignore[union-attr]
    assert trace.mode == mode
    assert [each.training for each in model.modules()] == [True, False, True]
    assert int(model.frozen.num_batches_tracked or 0) == 0
