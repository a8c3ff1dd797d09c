"""One odd model and what to call it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from netinspect.inputs.arguments import given_arguments
from netinspect.records.trace import Trace
from netinspect.tracing.capture import CaptureOptions, capture


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model that has something odd about it."""

    name: str
    build: Callable[[], nn.Module]
    args: Callable[[], tuple[Any, ...]]
    kwargs: Callable[[], dict[str, Any]] = field(default=dict)

    def model(self) -> nn.Module:
        """Build it, always with the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.build()

    def capture(self, **options: Any) -> Trace:
        """Capture it."""
        return capture_trace(
            self.model(), *self.args(), options=CaptureOptions(**options), **self.kwargs()
        )


def capture_trace(
    model: nn.Module, /, *args: Any, options: CaptureOptions | None = None, **kwargs: Any
) -> Trace:
    """Capture a live model on given values."""
    return capture(model, given_arguments(model, args, kwargs), options or CaptureOptions())


def rows(*sizes: int) -> torch.Tensor:
    """A tensor of normal numbers, always the same."""
    return torch.randn(sizes, generator=torch.Generator().manual_seed(1))
