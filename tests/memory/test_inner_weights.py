"""Memory of live models whose weights are made of other tensors: run with values where it has to be."""

from __future__ import annotations

import pytest
import torch

import netinspect
from tests.capture.test_inner_tensors import CASES, Holder

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", [name for name in CASES if name != "empty"])
def test_memory_counts_the_bytes_of_inner_tensors(name: str) -> None:
    make, size, _ = CASES[name]
    found = netinspect.memory(Holder(t=make()), torch.ones(2), device="cpu").text("csv")
    told = [line.split(",")[1] for line in found.splitlines() if line.startswith("buffers,")]
    assert told == ([str(size)] if size else [])
