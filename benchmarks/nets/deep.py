"""A deep network of repeated blocks: 27,651 modules and 87,556 steps with 512 stages of 13 units."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Unit(nn.Module):
    """A residual block with functions between its layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, width) for an input of the same shape."""
        y = F.gelu(self.linear(self.norm(x))) * 0.5
        return x + self.dropout(y.clamp(-10, 10) + y.tanh())


class Stage(nn.Module):
    """Units in a row."""

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.units = nn.ModuleList(Unit(width) for _ in range(units))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, width) for an input of the same shape."""
        for unit in self.units:
            x = unit(x)
        return F.relu(x)


class Deep(nn.Module):
    """Stages in a row, and a linear layer."""

    def __init__(self, stages: int = 512, units: int = 13, width: int = 8) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(Stage(width, units) for _ in range(stages)))
        self.head = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, 2) for (batch, width)."""
        return self.head(self.stages(x))
