"""Tests of products of sparse tensors: MACs and bytes depend on the stored elements."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import netinspect
from tests.nets.case import rows
from tests.tracing.counting.counted import capture_model, cost, operators

pytestmark = pytest.mark.filterwarnings("ignore:Sparse:UserWarning")


def stored(*places: tuple[int, ...]) -> Tensor:
    """Return a sparse matrix of 6 x 6 with ones in given places."""
    matrix = torch.zeros(6, 6)
    for place in places:
        matrix[place] = 1
    return matrix.to_sparse()


FIVE = stored((0, 1), (1, 4), (2, 0), (2, 3), (5, 5))
# Called in a test, for they warn.
csr, csc = FIVE.to_sparse_csr, FIVE.to_sparse_csc
bsr = functools.partial(torch.kron(torch.eye(3), torch.ones(2, 2)).to_sparse_bsr, (2, 2))


@pytest.mark.parametrize(
    ("function", "args", "macs"),
    [
        (torch.mm, (FIVE, rows(6, 4)), 5 * 4),
        (torch.mm, (csr, rows(6, 4)), 5 * 4),
        (torch.mm, (csc, rows(6, 4)), 5 * 4),
        # Three blocks of four elements each.
        (torch.mm, (bsr, rows(6, 4)), 12 * 4),
        (torch.mv, (FIVE, rows(6)), 5),
        (torch.mv, (csr, rows(6)), 5),
        (torch.mm, (rows(3, 6), csr), 3 * 5),
        (F.linear, (rows(3, 6), csr), 3 * 5),
        (torch.bmm, (torch.stack([FIVE, FIVE]).coalesce(), rows(2, 6, 4)), 2 * 5 * 4),
        (torch.addmm, (rows(6, 4), csr, rows(6, 4)), 5 * 4),
        (torch.sparse.addmm, (rows(6, 4), FIVE, rows(6, 4)), 5 * 4),
        (lambda x, y: torch.sparse.mm(x, y, "amax"), (csr, rows(6, 4)), 5 * 4),
        # Only where the sparse one has elements.
        (torch.sparse.sampled_addmm, (csr, rows(6, 3), rows(3, 6)), 5 * 3),
    ],
    ids=[
        "coo", "csr", "csc", "blocks", "coo by vector", "csr by vector", "from the right", "linear",
        "batches", "addmm", "sparse.addmm", "largest", "sampled",
    ],
)  # fmt: skip
def test_sparse_product_counts_stored_elements(
    function: Callable[..., Any], args: tuple[Any, ...], macs: int
) -> None:
    found = cost(function, *(each() if callable(each) else each for each in args))
    assert (found.macs, found.flops, found.uncounted) == (macs, 2 * macs, 0)


def test_product_of_two_sparse_matrices_has_bytes_only() -> None:
    trace = capture_model(torch.sparse.mm, FIVE, FIVE)
    report = netinspect.cost(trace).record
    assert report.total.uncounted == 1
    # Five floats and ten numbers of rows and columns, twice.
    assert report.total.bytes_read == 2 * (5 * 4 + 10 * 8)


def test_sparse_bytes_and_elements_are_stored_ones() -> None:
    work = operators(capture_model(torch.mm, csr(), rows(6, 4)))["aten.mm"]
    assert work.bytes_read == 5 * 4 + (7 + 5) * 8 + 6 * 4 * 4
    work = operators(capture_model(lambda x: x * 2, FIVE))["aten.mul"]
    assert (work.flops, work.elements) == (5, 5)
    assert cost(lambda x: torch.sparse.softmax(x, 1), FIVE).other_flops == 5 * 5


def test_sparse_construction_has_no_arithmetic() -> None:
    def run(places: Tensor, values: Tensor, x: Tensor) -> Tensor:
        edges = torch.sparse_coo_tensor(places, values, (6, 6))
        return torch.sparse.mm(edges, x) + torch.sparse.mm(torch.eye(6).to_sparse_csr(), x)

    found = cost(run, torch.tensor([[0, 1], [2, 0]]), torch.ones(2), rows(6, 4))
    assert (found.macs, found.uncounted, found.uncounted_flops) == (2 * 4 + 6 * 4, 0, 0)
