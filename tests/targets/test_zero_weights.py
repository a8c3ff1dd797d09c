"""Tests of zero-filled weights: initializers and decompositions under `ZeroWeights`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.targets.zero_weights import ZeroWeights
from tests.support import Outcome

WIDE, TALL, SQUARE = (600, 2048), (2048, 600), (1100, 1100)


def is_zero(tensor: Tensor) -> bool:
    return not tensor.count_nonzero()


@pytest.mark.parametrize("shape", [WIDE, TALL, (64, 512, 8, 8), (512, 64, 8, 8)])
@pytest.mark.parametrize(
    "name",
    [
        "orthogonal_", "uniform_", "normal_", "ones_", "zeros_", "xavier_uniform_", "xavier_normal_",
        "kaiming_uniform_", "kaiming_normal_", "trunc_normal_",
    ],
)  # fmt: skip
def test_initializers_keep_weights_zero_filled(name: str, shape: tuple[int, ...]) -> None:
    with ZeroWeights() as zeros:
        weight = nn.Parameter(torch.empty(shape))
        assert getattr(nn.init, name)(weight) is weight
        assert zeros.holds(weight)
    assert weight.shape == torch.Size(shape)
    assert weight.requires_grad
    assert is_zero(weight)


def test_initializers_of_certain_ranks_keep_weights_zero_filled() -> None:
    with ZeroWeights() as zeros:
        matrix, kernel = torch.empty(WIDE), torch.empty(128, 128, 8, 9)
        nn.init.eye_(matrix)
        nn.init.sparse_(matrix, 0.1)
        nn.init.dirac_(kernel)
        assert zeros.holds(matrix)
        assert zeros.holds(kernel)
    assert matrix.shape == torch.Size(WIDE)


@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize(
    ("function", "options"),
    [
        (torch.linalg.qr, {}),
        (torch.linalg.qr, {"mode": "complete"}),
        (torch.linalg.qr, {"mode": "r"}),
        (torch.linalg.svd, {}),
        (torch.linalg.svd, {"full_matrices": False}),
        (torch.linalg.svdvals, {}),
        (torch.linalg.pinv, {}),
        (torch.Tensor.pinverse, {}),
    ],
)
def test_decompositions_have_expected_shapes(
    function: Callable[..., Any], options: dict[str, Any], shape: tuple[int, int]
) -> None:
    # The decomposition of a matrix with sides 8 times smaller gives the expected shapes.
    rows, columns = shape[0] // 8, shape[1] // 8
    expected = function(torch.rand(rows, columns), **options)
    with ZeroWeights():
        found = function(torch.empty(shape), **options)
    both = ((each,) if isinstance(each, Tensor) else each for each in (found, expected))
    for large, small in zip(*both, strict=True):
        assert tuple(large.shape) == tuple(8 * size for size in small.shape)
        assert large.dtype == small.dtype


@pytest.mark.parametrize(
    "function",
    [
        torch.linalg.inv, torch.inverse, torch.linalg.cholesky, torch.linalg.eigh, torch.linalg.eigvals,
        torch.linalg.matrix_exp, torch.linalg.det, torch.linalg.slogdet, torch.linalg.lu_factor,
        lambda x: torch.linalg.solve(x, torch.ones(1100, 3)),
    ],
)  # fmt: skip
def test_decompositions_that_fail_on_zeros_return_zeros(function: Callable[..., Any]) -> None:
    with ZeroWeights():
        found = function(torch.empty(SQUARE).normal_())
    first = found if isinstance(found, Tensor) else found[0]
    assert first.device.type == "cpu"


def test_weight_from_decomposition_is_zero_filled() -> None:
    """The code of orthogonal initializers in many libraries."""
    with ZeroWeights():
        flat = torch.empty(WIDE).normal_()
        left, _, right = torch.linalg.svd(flat, full_matrices=False)
        weight = nn.Parameter(torch.empty(WIDE))
        weight.data.copy_(left if left.shape == flat.shape else right)
        weight.data *= 2
        weight.data /= 3.0
        weight.data[0] = 1
    assert weight.shape == torch.Size(WIDE)
    assert is_zero(weight)


def test_in_place_functions_change_shapes_and_flags() -> None:
    with ZeroWeights():
        weight = torch.empty(WIDE)
        assert weight.t_().shape == torch.Size(TALL)
        assert weight.unsqueeze_(0).shape == torch.Size((1, *TALL))
        assert weight.squeeze_().transpose_(0, 1).shape == torch.Size(WIDE)
        assert weight.requires_grad_().requires_grad
        assert not weight.detach_().requires_grad
        assert weight.as_strided_((2, 2), (1, 1)).shape == torch.Size((2, 2))


class Frozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(1024, 2048), nn.Linear(2048, 600)
        self.body.requires_grad_(False)
        self.head.weight.requires_grad_(False)
        nn.init.orthogonal_(self.head.weight, 2**0.5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


def test_zero_filled_weights_keep_requires_grad() -> None:
    trace = netinspect.load(f"{__name__}:Frozen", inputs=["1x1024"])
    assert trace.tensor_mode == "zeros"
    assert trace.failure is None
    assert {each.name: each.trainable for each in trace.parameters} == {
        "body.weight": False,
        "body.bias": False,
        "head.weight": False,
        "head.bias": True,
    }


POLICY = """\
from torch import nn


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3),
            nn.ReLU(), nn.Flatten(), nn.Linear(3136, 512),
        )
        self.heads = nn.ModuleList(nn.Linear(512, size) for size in (6, 1))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.orthogonal_(module.weight, 2**0.5)

    def forward(self, x):
        x = self.cnn(x)
        return [head(x) for head in self.heads]
"""


def test_summary_orthogonal_weights_in_constructor(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "policy.py").write_text(POLICY)
    outcome = cli("summary", str(tmp_path / "policy.py"), "--input", "1x4x84x84", "--format", "rich")
    assert outcome.code == 0, outcome.err
    assert "cannot be built" not in outcome.out + outcome.err
    assert "1,687,719" in outcome.out or "1.69" in outcome.out
