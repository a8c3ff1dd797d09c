"""Source lines of steps."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tests.nets.case import capture_trace, rows


class Listing(nn.Module):
    """Runs its layer from a generator that a built-in class consumes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def states(self, x: Tensor) -> Iterator[Tensor]:
        yield self.layer(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(list(self.states(x)))


def test_source_lines_are_the_same_after_python_specialized_the_code() -> None:
    model, x = Listing(), rows(2, 3)
    first = capture_trace(model, x)
    for _ in range(100):
        model(x)
    assert capture_trace(model, x).steps == first.steps
