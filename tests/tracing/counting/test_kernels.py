"""Tests of kernels without a right formula in torch, against hand calculation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netinspect.tracing.counting.products import torchs_rule
from netinspect.tracing.counting.rule import UncountableError
from netinspect.tracing.counting.table import rule_for
from tests.nets.case import rows
from tests.tracing.counting.counted import Calls, capture_model, cost, operators

quantization = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def test_multi_head_attention_fast_path() -> None:
    layer = nn.MultiheadAttention(32, 4, batch_first=True).eval()

    def run(self: Any, x: Tensor) -> Any:
        return torch._native_multi_head_attention(
            x, x, x, 32, 4, layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight,
            layer.out_proj.bias, need_weights=False,
        )  # fmt: skip

    work = operators(capture_model(Calls(run), rows(2, 10, 32)))["aten._native_multi_head_attention"]
    assert work.macs == 94_720
    # As its parts do: four projections, the weights of four heads, and what they are laid upon.
    assert work.elements == 4 * (2 * 10 * 32) + 2 * 4 * 10 * 10 + 2 * 10 * 32
    unfused = cost(nn.MultiheadAttention(32, 4, batch_first=True), *[rows(2, 10, 32)] * 3)
    assert unfused.activations == work.elements


def test_encoder_layer_fast_path() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True).eval()
    attention = layer.self_attn

    def run(self: Any, x: Tensor) -> Any:
        return torch._transformer_encoder_layer_fwd(
            x, 32, 4, attention.in_proj_weight, attention.in_proj_bias, attention.out_proj.weight,
            attention.out_proj.bias, False, False, 1e-5, layer.norm1.weight, layer.norm1.bias,
            layer.norm2.weight, layer.norm2.bias, layer.linear1.weight, layer.linear1.bias,
            layer.linear2.weight, layer.linear2.bias,
        )  # fmt: skip

    work = operators(capture_model(Calls(run), rows(2, 10, 32)))["aten._transformer_encoder_layer_fwd"]
    assert work.macs == 176_640
    assert work.elements == cost(layer, rows(2, 10, 32)).activations


@quantization
def test_statically_quantized_layers() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.begin, self.end = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
            self.conv = nn.Conv2d(4, 6, 3, groups=2)
            self.linear = nn.Linear(6 * 4 * 4, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(self.begin(x))
            return self.end(self.linear(x.flatten(1)))

    model = Net().eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    torch.ao.quantization.prepare(model, inplace=True)
    model(rows(2, 4, 6, 6))
    torch.ao.quantization.convert(model, inplace=True)
    steps = capture_model(model, rows(2, 4, 6, 6)).steps
    found = {work.operator: work.macs for step in steps for work in step.work if work.macs}
    assert found == {
        "quantized.conv2d": 2 * 6 * 4 * 4 * (2 * 3 * 3),
        "quantized.linear": 2 * (6 * 4 * 4) * 5,
    }


@quantization
@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_dynamically_quantized_recurrent_layers(kind: str, gates: int, packed: bool) -> None:
    def run(self: Any, x: Tensor) -> Any:
        if packed:
            given = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 2]), batch_first=True)
            return self.layer(given)[0].data
        return self.layer(x)[0]

    layer = getattr(nn, kind)(4, 8, 2, bidirectional=True, batch_first=True)
    model = torch.ao.quantization.quantize_dynamic(Calls(run, layer=layer), {type(layer)})
    steps = 5 + 2 if packed else 2 * 5
    by_hand = steps * 2 * gates * 8 * ((4 + 8) + (16 + 8))
    assert cost(model, rows(2, 5, 4)).macs == by_hand
    assert cost(Calls(run, layer=layer), rows(2, 5, 4)).macs == by_hand


@quantization
def test_dynamically_quantized_cell() -> None:
    model = torch.ao.quantization.quantize_dynamic(
        Calls(lambda self, x: self.cell(x), cell=nn.GRUCell(4, 8)), {nn.GRUCell}
    )
    assert cost(model, rows(2, 4)).macs == 2 * 3 * 8 * (4 + 8)


def test_recurrent_backward_is_twice_forward() -> None:
    layer = nn.LSTM(4, 6)
    trace = capture_model(layer, rows(5, 3, 4), backward=True)
    assert trace.backward is not None
    forward = 15 * 24 * (4 + 6)
    # The first layer's input needs no gradient; the kernel makes one all the same.
    assert sum(work.macs or 0 for work in trace.backward.work) == 2 * forward


def sized(*sizes: int) -> Tensor:
    """Return an operand of a kernel that cannot run here, for its formula."""
    return torch.empty(sizes, device="meta")


def counted(name: str, *args: Any, out: Any) -> tuple[int | None, int | None]:
    """Return the count of the rule of a torch operator for a call."""
    packet = getattr(torch.ops.aten, name)
    rule = rule_for(getattr(packet, packet.overloads()[0]))
    assert rule is not None
    count = rule.formula(args, {}, out)
    return count.macs, count.flops


def test_grouped_expert_products() -> None:
    if not hasattr(torch.ops.aten, "_grouped_mm"):
        pytest.skip("this torch has no grouped products")
    offsets = sized(4)
    # Rows to matrices: each of 10 rows meets the one of 4 matrices that its offset reports.
    args = sized(10, 8), sized(4, 8, 6), offsets
    assert counted("_grouped_mm", *args, out=sized(10, 6)) == (10 * 8 * 6, 2 * 10 * 8 * 6)
    args = sized(4, 10, 8), sized(4, 8, 6), offsets
    assert counted("_grouped_mm", *args, out=sized(4, 10, 6))[0] == 4 * 10 * 8 * 6
    args = sized(6, 10), sized(10, 8), offsets
    assert counted("_grouped_mm", *args, out=sized(4, 6, 8))[0] == 6 * 10 * 8


@pytest.mark.libraries
def test_transformers_experts_without_torch_kernel() -> None:
    moe = pytest.importorskip("transformers.integrations.moe")
    if not hasattr(torch.ops.transformers, "grouped_mm_fallback"):
        pytest.skip("this transformers has no such operator")
    assert moe is not None
    offsets = torch.tensor([3, 5, 5, 10], dtype=torch.int32)

    def run(x: Tensor, weight: Tensor) -> Any:
        return torch.ops.transformers.grouped_mm_fallback(x, weight, offsets)

    assert cost(run, rows(10, 8), rows(4, 8, 6)).macs == 10 * 8 * 6


def test_recurrent_kernels_of_other_devices() -> None:
    weights = [sized(24, 4), sized(24, 6), sized(24), sized(24)]
    args = sized(5, 3, 4), weights, 4
    out = sized(5, 3, 6)
    assert counted("_cudnn_rnn", *args, out=(out,))[0] == 15 * 24 * (4 + 6)


def test_deformable_convolution() -> None:
    from tests import operators as stand_ins

    stand_ins.declare()
    pytest.importorskip("torchvision")
    rule = rule_for(torch.ops.torchvision.deform_conv2d.default)
    assert rule is not None
    assert rule.kind == "convolution"
    args = sized(1, 8, 6, 6), sized(12, 4, 3, 3), sized(1, 18, 4, 4)
    count = rule.formula(args, {}, sized(1, 12, 4, 4))
    assert count.macs == 12 * 4 * 4 * (4 * 3 * 3)


def test_flex_attention_counts_as_attention() -> None:
    flex = pytest.importorskip("torch.nn.attention.flex_attention")
    if torchs_rule("higher_order.flex_attention", torch.ops.higher_order.flex_attention) is None:
        pytest.skip("this torch has no formula for it")
    with pytest.warns() if torch.__version__ >= "2.6" else torch.no_grad():
        found = cost(flex.flex_attention, *[rows(1, 2, 128, 16)] * 3)
    assert found.macs == 2 * (2 * 128 * 128 * 16)


def test_attention_backward_excludes_recomputation() -> None:
    query = sized(2, 4, 6, 8)
    name = "_scaled_dot_product_flash_attention_backward"
    macs, _ = counted(name, query, query, query, query, query, out=(query,))
    assert macs == 2 * (2 * (2 * 4 * 6 * 6 * 8))


def test_formula_rejects_unsupported_operands() -> None:
    rule = rule_for(torch.ops.aten._int_mm.default)
    assert rule is not None
    sparse = torch.eye(3).to_sparse()
    with pytest.raises(UncountableError):
        rule.formula((sparse, rows(3, 3)), {}, rows(3, 3))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_antialiased_upsampling_has_unknown_flops() -> None:
    def shrink(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)

    found = cost(shrink, rows(1, 2, 8, 8))
    assert (found.macs, found.uncounted, found.uncounted_flops) == (0, 0, 1)
