"""Small models whose memory can be calculated by hand, and a function that tracks one."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netinspect.memory_tracker.parent import ask_child
from netinspect.memory_tracker.request import TrackOptions, TrackRequest
from netinspect.memory_tracker.runs import run_once
from netinspect.memory_tracker.session import track
from netinspect.memory_tracker.tracked_models import LiveSource
from netinspect.records.memory import MemoryTrack, Tracking
from netinspect.records.request import TraceRequest


class Chain(nn.Module):
    """Three linear layers with functions between them, without kernels that need a workspace."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, 4 * width, bias=False)
        self.third = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.tanh(self.second(x))
        return self.third(x)


class Tied(nn.Module):
    """An embedding whose weight is the head's."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.head = nn.Linear(16, 100, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embedding(tokens))


class Blocks(nn.Module):
    """Repeated blocks with much inside."""

    def __init__(self, depth: int = 4, width: int = 32) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 8 * width), nn.GELU(), nn.Linear(8 * width, width))
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


class Selecting(nn.Module):
    """Model with sizes that depend on values."""

    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0] * 2


class Asking(nn.Module):
    """Model with control flow that depends on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if x.sum().item() > 0 else x


def tracked(
    model: nn.Module, *specs: str, training: bool = False, with_values: bool = False, **options: Any
) -> MemoryTrack:
    """Track a model in this process, exactly as the allocator of the CPU would count."""
    request = TrackRequest(
        name=type(model).__name__,
        run=TraceRequest(inputs=specs, train=training),
        options=TrackOptions(**{"device": "cpu", **options}),
        with_values=with_values,
    )
    return track(request, LiveSource(model, partial(run_once, request))).track


def track_in_child(request: TrackRequest, **options: Any) -> Tracking:
    """Track in a child process; see `ask_child`."""
    return ask_child(request, **options)[0]
