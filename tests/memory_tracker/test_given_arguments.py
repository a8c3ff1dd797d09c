"""Tests of memory with inputs that no spec describes, from a function or a caller."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.reports.memory.record import Memory
from tests import forked

DETECTOR = """\
import torch
import torch.nn.functional as F
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 4)

    def forward(self, images, targets=None):
        boxes = self.body(torch.stack(list(images)))
        if not self.training:
            return boxes
        return {"box": F.l1_loss(boxes, torch.stack([each["boxes"] for each in targets]))}


def make():
    image, target = torch.rand(16, 8), {"boxes": torch.rand(16, 4)}
    return {"images": [image, image], "targets": [target, target]}
"""


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(DETECTOR)
    return tmp_path / "net.py"


def input_bytes(report: Memory) -> int:
    return report.peak.amounts.inputs


@pytest.mark.slow
def test_memory_trains_on_inputs_from_function(detector: Path) -> None:
    words = [f"{detector}:Detector", "--train", "--inputs-from", f"{detector}:make"]
    found = forked.run("memory", *words, "--allocator", "cpu", "--format", "csv")
    assert found.code == 0, found.err
    # One image of 16 x 8 and one target of 16 x 4 numbers of four bytes; each is there twice.
    (inputs,) = [line for line in found.out.splitlines() if line.startswith("inputs,")]
    assert inputs.split(",")[1] == str(4 * 16 * (8 + 4))
    refused = forked.run("memory", *words, "--batch", "3")
    assert refused.code == 2
    assert "the batch of the input images cannot be changed" in refused.err


class Detector(nn.Module):
    """Model that needs a list of dictionaries in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(8, 4)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        boxes = self.body(torch.stack(images))
        if not self.training:
            return boxes
        assert targets is not None
        return {"box": F.l1_loss(boxes, torch.stack([each["boxes"] for each in targets]))}


@pytest.mark.parametrize("dtype", [None, "bf16"])
def test_memory_of_live_model_with_arguments(dtype: str | None) -> None:
    image, target = torch.rand(16, 8), {"boxes": torch.rand(16, 4)}
    before = image.clone()
    view = netinspect.memory(
        Detector(), [image, image], [target, target], train=True, allocator="cpu", dtype=dtype
    )
    assert input_bytes(view.record) == (4 if dtype is None else 2) * 16 * (8 + 4)
    assert torch.equal(image, before)


@dataclasses.dataclass
class Batch:
    """Container that is unknown to torch."""

    x: Tensor
    name: str = "batch"


class TakesBatch(nn.Module):
    """Model that changes its input, and optionally reads a value."""

    def __init__(self, reads: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)
        self.reads = reads

    def forward(self, batch: Batch) -> Tensor:
        y: Tensor = self.linear(batch.x)
        batch.x.zero_()
        batch.name = "used"
        return y if not self.reads or float(y.detach().sum()) > 1e9 else -y


@pytest.mark.parametrize("reads", [False, True])
def test_memory_of_live_model_keeps_arguments(reads: bool) -> None:
    batch = Batch(torch.ones(16, 8))
    report = netinspect.memory(TakesBatch(reads), batch, allocator="cpu").record
    assert input_bytes(report) == 4 * 16 * 8
    assert batch.name == "batch"
    assert torch.equal(batch.x, torch.ones(16, 8))


class Graph(nn.Module):
    """Model that multiplies by a sparse matrix in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, graphs: list[Tensor], x: Tensor) -> Tensor:
        return torch.sparse.mm(graphs[0], self.linear(x))


def test_memory_counts_stored_elements_of_sparse_input() -> None:
    graph = torch.eye(100).to_sparse_coo()
    report = netinspect.memory(Graph(), [graph], torch.ones(100, 4), allocator="cpu").record
    # 100 values of four bytes, and two indices of eight bytes each; and the dense input.
    assert input_bytes(report) == 100 * (4 + 2 * 8) + 100 * 4 * 4
