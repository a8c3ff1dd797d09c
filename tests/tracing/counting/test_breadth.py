"""Tests that rarely used operators are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netinspect.analysis.operator_counts import cost_of, cost_of_steps
from tests.nets.case import rows
from tests.tracing.counting.counted import Calls, backward, capture_model, cost

quantization = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

ONE = torch.tensor([1])
EACH = 3 * 4
"""Elements of the operand below."""


@pytest.mark.parametrize(
    ("function", "flops"),
    [
        # Torch marks these as pointwise only if they return a new tensor.
        (lambda x: x.clone().abs_(), EACH),
        (lambda x: x.clone().eq_(1).ne_(1), 2 * EACH),
        (lambda x: x.clone().gt_(1).ge_(1).lt_(1).le_(1), 4 * EACH),
        (lambda x: x.clone().copysign_(x), EACH),
        (nn.Threshold(0.1, 0.0, inplace=True), EACH),
        (lambda x: torch.ops.aten.gelu(x, out=torch.empty(3, 4)), EACH),
        (lambda x: torch._C._nn.elu_(x.clone()), EACH),
        # Operators that accumulate into a tensor.
        (lambda x: x.index_put((torch.tensor([0, 0]),), torch.ones(2, 4), accumulate=True), 2 * 4),
        (lambda x: x.index_put((torch.tensor([0, 0]),), torch.ones(2, 4)), 0),
        (lambda x: x.put(torch.tensor([0, 0]), torch.ones(2), accumulate=True), 2),
        (lambda x: x.scatter(0, torch.zeros(2, 4).long(), torch.ones(2, 4), reduce="add"), 2 * 4),
        (lambda x: x.scatter(0, torch.zeros(2, 4).long(), torch.ones(2, 4)), 0),
        # Of a matrix or of rows only what they take in.
        (torch.trace, 3),
        (lambda x: F.nll_loss(x, torch.tensor([0, 1, 2])), 3),
        (lambda x: x.scatter_add(0, torch.zeros(2, 4).long(), x), 2 * 4),
        # Distances, by whichever kernel.
        (lambda x: torch.cdist(x, x), 3 * (3 * 3 * 4)),
        (lambda x: torch.cdist(x.repeat(10, 1), x.repeat(10, 1)), 3 * (30 * 30 * 4)),
        (lambda x: torch.linalg.cross(x[:, :3], x[:, :3]), 3 * (3 * 3)),
        (lambda x: torch.segment_reduce(x, "sum", lengths=torch.tensor([1, 2])), EACH),
        (lambda x: F.multi_margin_loss(x, torch.tensor([0, 1, 2])), EACH),
        (lambda x: F.multilabel_margin_loss(x, torch.zeros(3, 4).long()), EACH),
    ],
)
@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter:UserWarning")
def test_other_arithmetic(function: Callable[..., Any], flops: int) -> None:
    found = cost(function, rows(3, 4))
    assert (found.macs, found.other_flops) == (0, flops)
    assert (found.uncounted, found.uncounted_flops) == (0, 0)


def test_affine_grid_and_its_backward_are_products() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        return F.affine_grid(self.scale(x), [2, 4, 8, 8], align_corners=False)

    # Three numbers to each of two coordinates of 8 x 8 points, for two images.
    macs = 2 * (8 * 8) * 2 * 3
    model = Calls(run, scale=nn.Identity())
    assert cost(model, rows(2, 2, 3)).macs == macs
    learnt = Calls(lambda self, x: run(self, self.bias(x)), scale=nn.Identity(), bias=Shift())
    assert backward(learnt, rows(2, 2, 3)).macs == macs


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.zeros(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag_backward_is_counted(mode: str) -> None:
    found = backward(nn.EmbeddingBag(10, 4, mode=mode), torch.arange(6).view(2, 3))
    assert (found.macs, found.uncounted) == (0, 0)
    assert found.other_flops >= 6 * 4


@pytest.mark.parametrize(
    ("function", "macs"),
    [
        (lambda x: torch.cdist(x, x, p=1), 0),
        (lambda x: F.pdist(x), 0),
        (lambda x: nn.CTCLoss()(x[:, None].log_softmax(-1), ONE[None], 3 * ONE, ONE), 0),
    ],
)
def test_backward_without_products_has_unknown_flops(function: Callable[..., Any], macs: int) -> None:
    class Learnt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Any:
            return function(x * self.weight)

    found = backward(Learnt(), rows(3, 4))
    assert (found.macs, found.uncounted) == (macs, 0)
    assert found.uncounted_flops > 0


@quantization
@pytest.mark.parametrize(
    ("layer", "flops"), [(nn.BatchNorm2d(4), 2), (nn.InstanceNorm2d(4), 5)], ids=["batch", "instance"]
)
def test_quantized_normalizations(layer: nn.Module, flops: int) -> None:
    model = torch.ao.quantization.QuantWrapper(layer).eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    torch.ao.quantization.prepare(model, inplace=True)
    model(rows(2, 4, 6, 6))
    torch.ao.quantization.convert(model, inplace=True)
    found = cost(model, rows(2, 4, 6, 6))
    # And one for each element that is brought to numbers of eight bits, and one for each back.
    assert (found.macs, found.other_flops, found.uncounted) == (0, (flops + 2) * (2 * 4 * 36), 0)


@quantization
def test_quantization_aware_layers_are_fully_counted() -> None:
    model = torch.ao.quantization.QuantWrapper(nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU())).train()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    prepared = torch.ao.quantization.prepare_qat(model)
    found = cost(prepared, rows(2, 4, 8, 8), train=True)
    assert (found.macs, found.uncounted) == (2 * 6 * 36 * (4 * 9), 0)


@quantization
def test_packing_weight_in_forward_has_no_arithmetic() -> None:
    from torch.ao.nn.quantized import functional

    def run(x: Tensor) -> Any:
        eight = torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)
        weight = torch.quantize_per_tensor(torch.ones(5, 8), 0.1, 0, torch.qint8)
        return functional.linear(eight, weight, torch.zeros(5)).dequantize()

    found = cost(run, rows(3, 8))
    assert (found.macs, found.uncounted) == (3 * 8 * 5, 0)


@quantization
def test_quantized_bags() -> None:
    bags = nn.Sequential(nn.EmbeddingBag(100, 16, mode="sum")).eval()
    bags.qconfig = torch.ao.quantization.float_qparams_weight_only_qconfig  # type: ignore[assignment]
    quantized = torch.ao.quantization.convert(torch.ao.quantization.prepare(bags))
    found = cost(quantized[0], torch.arange(6), torch.tensor([0, 3]))
    assert (found.macs, found.other_flops, found.uncounted) == (0, 6 * 16, 0)


def test_packing_int4_has_no_arithmetic() -> None:
    pack = getattr(torch.ops.aten, "_convert_weight_to_int4pack_for_cpu", None)
    if pack is None:
        pytest.skip("this torch packs no four bits on the CPU")

    def run(x: Tensor) -> Any:
        weight = pack(torch.ones(32, 64, dtype=torch.int32), 2)
        scales = torch.ones(2, 32, 2, dtype=torch.bfloat16)
        return torch.ops.aten._weight_int4pack_mm_for_cpu(x, weight, 32, scales)

    found = cost(run, rows(4, 64).bfloat16())
    assert (found.macs, found.uncounted) == (4 * 64 * 32, 0)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_fused_linear_and_loss(reduction: str) -> None:
    pieces = pytest.importorskip("torch.nn.modules.linear_cross_entropy_options")
    options = pieces.LinearCrossEntropyOptions()

    def run(self: Any, x: Tensor) -> Any:
        target = torch.arange(16) % 9
        return F.linear_cross_entropy(x, self.layer.weight, target, reduction=reduction, options=options)

    model, once = Calls(run, layer=nn.Linear(4, 9, bias=False)), 16 * 4 * 9
    trace = capture_model(model, rows(16, 4))
    assert any("chunked" in work.operator for step in trace.steps for work in step.work)
    found = cost_of_steps(trace.steps)
    assert (found.macs, found.activations, found.uncounted) == (once, 16 * 9, 0)
    # The gradient of the weight: the mean has it at once, the other makes it in backward, once more.
    trace = capture_model(model, rows(16, 4), backward=True)
    assert trace.backward is not None
    forward, backward_cost = cost_of_steps(trace.steps), cost_of(trace.backward.work)
    if reduction == "mean":
        assert (forward.macs, backward_cost.macs) == (2 * once, 0)
    else:
        # And two sums over the rows, of a loss that no one wants.
        assert (forward.macs, backward_cost.macs) == (once, 2 * once + 2 * 16)
    assert backward_cost.uncounted == 0
