"""Tests of the requirements that error messages state."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netinspect.analysis.diagnosis.messages import reported_mismatches, unmet_needs

MESSAGES = {
    "Expected 10 but got 12": [("size", 10, 12)],
    "Input image size (32*32) doesn't match model (64*64).": [("size", 64, 32)],
    "The size of tensor a (5) must match the size of tensor b (3)": [("size", 3, 5)],
    "height must be divisible by 14": [("multiple", 14, None)],
    "sequence length must be a multiple of attention window (512)": [("multiple", 512, None)],
    "not enough values to unpack (expected 4, got 3)": [("size", 4, 3), ("rank", 4, 3)],
    "too many values to unpack (expected 2)": [("rank", 2, None)],
    "got 3 and 2: same number of dimensions: got 3 and 2": [("rank", 3, None), ("rank", 2, None)],
    "nothing that is known": [],
}


@pytest.mark.parametrize("message", MESSAGES)
def test_reported_mismatches_of_message(message: str) -> None:
    found = [(each.kind, each.expected, each.got) for each in reported_mismatches(message)]
    assert found == MESSAGES[message]


def test_reported_mismatches_ends_for_a_hostile_message() -> None:
    assert [*reported_mismatches("type multiple of expected 1" * 4000)]


def test_unmet_needs_of_torch_failures() -> None:
    def needs(call: object, *args: object) -> set[str]:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call(*args)  # type: ignore[operator]
        return set(unmet_needs(type(caught.value).__name__, str(caught.value)))

    meta = torch.zeros(2, 2, device="meta")
    assert "values" in needs(meta.sum().item)
    assert needs(lambda: torch.autocast(device_type="meta", enabled=False).__enter__()) == {"kernel"}
    assert needs(torch.linalg.inv, torch.zeros(2, 2)) == {"weights"}
    assert needs(F.linear, torch.zeros(1, 3), torch.zeros(4, 5)) == set()
    assert needs(nn.BatchNorm1d(3), torch.zeros(1, 3)) == set()
