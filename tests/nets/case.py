"""The `Case` of an unusual model with its inputs, and helpers that capture a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from netinspect.inputs.arguments import given_arguments
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from netinspect.tracing.capture import capture


@dataclass(frozen=True, kw_only=True)
class Case:
    """An unusual model and its inputs."""

    name: str
    build: Callable[[], nn.Module]
    args: Callable[[], tuple[Any, ...]]
    kwargs: Callable[[], dict[str, Any]] = field(default=dict)

    def model(self) -> nn.Module:
        """Build the model, always with the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.build()

    def capture(self, **options: Any) -> Trace:
        """Capture a trace of the model on its inputs."""
        return capture_trace(
            self.model(), *self.args(), options=TraceRequest(**options), **self.kwargs()
        )


def capture_trace(
    model: nn.Module, /, *args: Any, options: TraceRequest | None = None, **kwargs: Any
) -> Trace:
    """Capture a live model on given values."""
    return capture(model, given_arguments(model, args, kwargs), options or TraceRequest())


def rows(*sizes: int) -> torch.Tensor:
    """Return a tensor of normally distributed values, always the same."""
    return torch.randn(sizes, generator=torch.Generator().manual_seed(1))
