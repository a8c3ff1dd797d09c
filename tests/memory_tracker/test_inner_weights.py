"""Tests of memory of live models whose weights wrap other tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netinspect
from netinspect.records.report_header import Totals
from tests.tracing.tensors.test_inner_tensors import CASES, Holder

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", [name for name in CASES if name != "empty"])
def test_memory_counts_the_bytes_of_inner_tensors(name: str) -> None:
    make, size, _ = CASES[name]
    found = netinspect.memory(Holder(t=make()), torch.ones(2), allocator="cpu").text("csv")
    sizes = [line.split(",")[1] for line in found.splitlines() if line.startswith("buffers,")]
    assert sizes == ([str(size)] if size else [])


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (nn.Linear(8, 4), 8 * 4 + 4 * 4),  # weights of a byte, and a bias of float32
        (nn.LSTM(8, 4), 4 * 4 * (8 + 4) + 2 * 4 * 4 * 4),
    ],
    ids=["linear", "lstm"],
)
def test_memory_and_params_count_packed_weights_once(layer: nn.Module, size: int) -> None:
    packed = torch.ao.quantization.quantize_dynamic(nn.ModuleList([layer]), {type(layer)})[0]
    models = [packed]
    if isinstance(layer, nn.Linear):
        models.append(nn.Sequential(packed, nn.Identity(), nn.Linear(4, 8), packed))
    for each in models:
        totals = netinspect.params(each, buffers=True).record.totals
        assert isinstance(totals, Totals)
        assert totals.buffer_bytes == size
        amounts = netinspect.memory(each, torch.ones(2, 3, 8), allocator="cpu").record.peak.amounts
        assert amounts.buffers == size
