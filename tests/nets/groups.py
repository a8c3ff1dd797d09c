"""Models whose forward repeats groups of calls."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.linear(x))


class Residuals(nn.Module):
    """Three blocks, each with an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x) + x
        return x


class Pairs(nn.Module):
    """Pairs of modules from two lists whose outputs are all read at the end, as in a UNet."""

    def __init__(self) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Block() for _ in range(2))
        self.attentions = nn.ModuleList(nn.Sequential(Block(), Block()) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for resnet, attention in zip(self.resnets, self.attentions, strict=True):
            x = attention(resnet(x))
            outputs.append(x)
        return torch.cat(outputs)


class Chained(nn.Module):
    """Groups with a chain of a function and a module inside."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.dropouts = nn.ModuleList(nn.Dropout(0.1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for block, dropout in zip(self.blocks, self.dropouts, strict=True):
            x = dropout(torch.tanh(block(x))) + x
        return x


class Shared(nn.Module):
    """One layer that is called three times, each with an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.linear(x) + x
        return x


class Stages(nn.Module):
    """Modules of the same structure at two places, of which the numbers differ."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks[:3]:
            x = block(x) + x
        x = torch.softmax(x, 0)
        for block in self.blocks[3:]:
            x = block(x) + x
        return x


class Again(nn.Module):
    """A block with a layer inside, which a loop calls with an addition, as ALBERT does."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.block(x) + x
        return x
