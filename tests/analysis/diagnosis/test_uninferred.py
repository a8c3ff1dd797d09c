"""Tests of the hint after a failed search: which inputs are missing, and what is known of them."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

import netinspect


class Refuses(nn.Module):
    """Takes an image, ids and features, and fails after that."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.words = nn.Embedding(50, 8)
        self.linear = nn.Linear(7, 8)

    def forward(self, x: Tensor, ids: Tensor, features: Tensor, other: Tensor) -> Tensor:
        self.conv(x), self.words(ids), self.linear(features)
        raise RuntimeError("the sizes do not fit")


@pytest.fixture(scope="module")
def remedies() -> tuple[str, ...]:
    failure = netinspect.summary(Refuses()).record.header.failure
    assert failure is not None
    return failure.remedies


def test_uninferred_hint_describes_what_layers_took(remedies: tuple[str, ...]) -> None:
    known = next(each for each in remedies if each.startswith("what is known"))
    assert "x is float32 with 4 dimensions, 3 in dimension 1, as conv (Conv2d) takes it" in known
    assert "ids is int64 with 2 dimensions, as words (Embedding) takes it" in known
    assert "7 in dimension 1, as linear (Linear) takes it" in known
    assert "other is" not in known


def test_uninferred_hint_has_forms_and_no_failed_spec(remedies: tuple[str, ...]) -> None:
    text = " ".join(remedies)
    assert "--input x=SIZES" in text
    assert "--input ids=SIZES:int64:0..49" in text
    assert "--input other=SIZES" in text
    assert "3x224x224" not in text
