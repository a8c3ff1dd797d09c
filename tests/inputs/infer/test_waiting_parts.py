"""Tests of optional inputs that a part of the model waits for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import netinspect


class Towers(nn.Module):
    """Has a tower for images and one for texts; each may be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Conv2d(3, 8, 16, 16)
        self.rows = nn.Embedding(40, 8)
        self.positions = nn.Parameter(torch.zeros(12, 8))

    def forward(self, image: Tensor | None = None, text: Tensor | None = None) -> list[Tensor]:
        found = []
        if image is not None:
            found.append(self.visual(image).mean((2, 3)))
        if text is not None:
            found.append((self.rows(text) + self.positions).mean(1))
        return found


class Context(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main, self.side = nn.Linear(6, 4), nn.Linear(9, 4)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        y = self.main(x)
        return y if context is None else y + self.side(context)


class Labelled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.kinds = nn.Conv2d(3, 8, 3), nn.Embedding(10, 8)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        y = self.conv(x)
        return y if condition is None else y + self.kinds(condition)[:, :, None, None]


class Unused(nn.Module):
    """Its optional argument has nothing to do with the part that is not called."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.auxiliary = nn.Linear(6, 4), nn.Linear(9, 4)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        y = self.main(x)
        return y if scale is None else y * scale.mean()


class Complete(Context):
    """Calls all of its parts without the optional argument."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        y = self.main(x) + self.side(torch.zeros(1, 9))
        return y if context is None else y + self.side(context)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Towers(), "image=1x3x224x224 text=1x12:int64:0..39"),
        (Context(), "x=1x6 context=1x9"),
        (Labelled(), "x=1x3x224x224 condition=1:int64:0..9"),
        (Unused(), "x=1x6"),
        (Complete(), "x=1x6"),
    ],
)
def test_waiting_parts(model: nn.Module, expected: str) -> None:
    trace = netinspect.load(model)
    assert trace.failure is None
    assert " ".join(each.spec for each in trace.inputs) == expected
