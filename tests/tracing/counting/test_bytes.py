"""Tests of read and written bytes: each operand once, and only the selected rows of a lookup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.nets.case import rows
from tests.tracing.counting.counted import Calls, capture_model, cost, operators

CHANCES = torch.full((10,), 0.5)


def test_out_argument_is_not_read() -> None:
    def given(x: Tensor, y: Tensor) -> Tensor:
        return torch.mm(x, y, out=torch.empty(3, 5))

    found = cost(given, rows(3, 4), rows(4, 5))
    assert (found.bytes_read, found.bytes_written) == ((12 + 20) * 4, 15 * 4)

    def both(x: Tensor) -> Any:
        return torch.max(x, 0, out=(torch.empty(4), torch.empty(4, dtype=torch.long)))

    found = cost(both, rows(3, 4))
    assert (found.bytes_read, found.bytes_written) == (12 * 4, 4 * 4 + 4 * 8)


def test_unsafe_views_move_no_bytes() -> None:
    found = cost(torch.matmul, rows(2, 3, 4, 5), rows(2, 3, 5, 6))
    assert found.bytes_read == (2 * 3 * 4 * 5 + 2 * 3 * 5 * 6) * 4
    assert found.bytes_written == 2 * 3 * 4 * 6 * 4
    found = cost(lambda x: torch.unsafe_split(x, 2), rows(4, 5))
    assert (found.bytes_read, found.bytes_written) == (0, 0)


@pytest.mark.parametrize(
    ("function", "args", "read"),
    [
        (torch.bernoulli, (CHANCES,), 40),
        (torch.poisson, (CHANCES,), 40),
        (lambda x: torch.multinomial(x, 2), (CHANCES,), 40),
        (torch.normal, (CHANCES, CHANCES), 80),
        (torch.binomial, (CHANCES, CHANCES), 80),
        (torch._standard_gamma, (CHANCES,), 40),
        (torch.rand_like, (CHANCES,), 0),
        (lambda x: torch.empty(10).bernoulli_(x), (CHANCES,), 40),
        (lambda x: x.clone().normal_(), (CHANCES,), 40),  # by clone
    ],
)
def test_distribution_parameters_are_read(
    function: Callable[..., Any], args: tuple[Tensor, ...], read: int
) -> None:
    found = cost(function, *args)
    assert (found.bytes_read, found.other_flops) == (read, 0)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag_reads_indexed_rows(mode: str) -> None:
    bags = nn.EmbeddingBag(1000, 16, mode=mode)
    trace = capture_model(bags, torch.arange(12).view(2, 6))
    work = operators(trace)["aten._embedding_bag"]
    # Twelve rows of sixteen floats, twelve indices and two offsets.
    assert work.bytes_read == 12 * 16 * 4 + 12 * 8 + 2 * 8
    assert work.flops == 12 * 16


def test_embedding_with_max_norm_has_no_macs_and_reads_rows() -> None:
    trace = capture_model(nn.Embedding(1000, 16, max_norm=1.0), torch.arange(12))
    work = operators(trace)["aten.embedding_renorm_"]
    assert (work.macs, work.flops, work.bytes_read) == (0, None, 12 * 16 * 4 + 12 * 8)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_packed_weight_is_read() -> None:
    model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(64, 32)), {nn.Linear})
    work = operators(capture_model(model, rows(2, 64)))["quantized.linear_dynamic"]
    assert work.bytes_read == 2 * 64 * 4 + 32 * 64 + 32 * 4
    assert work.bytes_written == 2 * 32 * 4


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_bytes_are_summed_over_tensors() -> None:
    nested = torch.nested.nested_tensor([rows(3, 8), rows(5, 8)])
    work = operators(capture_model(nn.Linear(8, 4), nested))["aten.linear"]
    assert (work.macs, work.bytes_read, work.bytes_written) == (8 * 8 * 4, (64 + 32 + 4) * 4, 32 * 4)


def test_foreach_in_place_counts_all_tensors() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        both = [x.clone(), x.clone()]
        torch._foreach_mul_(both, 2.0)
        torch._foreach_zero_(both)
        return torch._foreach_norm([x, x])[0]

    found = operators_of(Calls(run), rows(4))
    assert found["aten._foreach_mul_"] == (8, 32, 32)
    assert found["aten._foreach_zero_"] == (0, 0, 32)
    assert found["aten._foreach_norm"] == (16, 32, 8)


def operators_of(model: nn.Module, *args: Tensor) -> dict[str, tuple[int | None, int, int]]:
    """Return FLOPs, bytes read and bytes written by operator."""
    return {
        work.operator: (work.flops, work.bytes_read, work.bytes_written)
        for step in capture_model(model, *args).steps
        for work in step.work
    }
