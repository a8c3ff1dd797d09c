"""Tests of counts that other counters get wrong, against hand calculation; MACs without bias."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.analysis.totals import totals
from tests.nets.case import capture_trace, rows
from tests.tracing.counting.counted import Calls, capture_model, cost


def test_linear_on_a_matrix() -> None:
    assert cost(nn.Linear(64, 64), rows(1, 64)).macs == 1 * 64 * 64 == 4_096


def test_linear_on_three_dimensions_counts_every_row() -> None:
    assert cost(nn.Linear(64, 64), rows(2, 5, 64)).macs == 2 * 5 * 64 * 64 == 40_960


def test_transposed_convolution_counts_by_input() -> None:
    # Each of the 8 x 8 x 8 inputs meets 16 channels of a 4 x 4 kernel, whatever the stride.
    model = nn.ConvTranspose2d(8, 16, 4, stride=2)
    assert cost(model, rows(1, 8, 8, 8)).macs == 8 * 8 * 8 * 16 * 4 * 4 == 131_072


def test_embedding_has_no_macs() -> None:
    found = cost(nn.Embedding(1000, 16), torch.arange(12).view(2, 6))
    assert (found.macs, found.flops, found.other_flops) == (0, 0, 0)
    # Of the table only the rows are read that are given out: 12 of 16 floats, and 12 numbers of 8 bytes.
    assert found.bytes_read == 12 * 16 * 4 + 12 * 8
    assert found.bytes_written == 12 * 16 * 4


def test_functional_convolution_with_own_parameter() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(rows(8, 3, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.kernel, padding=1)

    assert cost(Own(), rows(1, 3, 16, 16)).macs == 8 * 16 * 16 * 3 * 3 * 3 == 55_296


def test_matrix_product_and_einsum() -> None:
    assert cost(lambda x, w: x @ w, rows(4, 32), rows(32, 64)).macs == 4 * 32 * 64 == 8_192

    def summed(x: Tensor, w: Tensor) -> Tensor:
        return torch.einsum("bij,jk->bik", x, w)

    assert cost(summed, rows(2, 5, 32), rows(32, 64)).macs == 2 * 5 * 32 * 64 == 20_480


def test_scaled_dot_product_attention_is_two_products() -> None:
    found = cost(F.scaled_dot_product_attention, *[rows(2, 4, 64, 16)] * 3)
    assert found.macs == 2 * (2 * 4 * 64 * 64 * 16) == 1_048_576


def projections(batch: int, length: int, width: int) -> int:
    return 4 * batch * length * width * width


def attention(batch: int, length: int, width: int) -> int:
    return 2 * batch * length * length * width


def test_multi_head_attention_in_eval_mode() -> None:
    model = nn.MultiheadAttention(32, 4, batch_first=True)
    found = cost(model, *[rows(2, 10, 32)] * 3)
    assert found.macs == projections(2, 10, 32) + attention(2, 10, 32) == 94_720


def test_transformer_encoder_layer_in_eval_mode() -> None:
    model = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    layers = 2 * (2 * 10 * 32 * 64)
    found = cost(model, rows(2, 10, 32))
    assert found.macs == projections(2, 10, 32) + attention(2, 10, 32) + layers == 176_640


def test_lstm() -> None:
    # For each of 2 x 7 steps, four gates of the input and of the state.
    model = nn.LSTM(16, 32, batch_first=True)
    assert cost(model, rows(2, 7, 16)).macs == 2 * 7 * 4 * 32 * (16 + 32) == 86_016


def test_gru_cell() -> None:
    assert cost(nn.GRUCell(16, 32), rows(2, 16)).macs == 2 * 3 * 32 * (16 + 32) == 9_216


def test_shared_layer_counts_at_each_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.Linear(16, 16, bias=False)
            self.left, self.right = nn.Sequential(layer), nn.Sequential(layer)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.right(self.left(x))
            return out

    trace = capture_model(Twice(), rows(2, 16))
    assert netinspect.cost(trace).record.total.macs == 2 * (2 * 16 * 16) == 1_024
    assert totals(trace).parameters == 16 * 16


def test_tied_embedding_and_head() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(100, 16)
            self.head = nn.Linear(16, 100, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids: Tensor) -> Tensor:
            out: Tensor = self.head(self.embedding(ids))
            return out

    trace = capture_model(Tied(), torch.arange(16).view(2, 8))
    assert netinspect.cost(trace).record.total.macs == 16 * 16 * 100 == 25_600
    assert totals(trace).parameters == 1_600


def test_child_called_through_forward() -> None:
    model = Calls(lambda self, x: self.child.forward(x), child=nn.Linear(8, 16))
    trace = capture_model(model, rows(1, 8))
    report = netinspect.cost(trace).record
    assert report.total.macs == 8 * 16 == 128
    assert {row.key: row.cost.macs for row in report.rows if row.cost.macs} == {"child": 128}


def test_weight_norm_has_flops_and_no_macs() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Linear(8, 16))
    found = cost(model, rows(1, 8))
    assert found.macs == 8 * 16 == 128
    # A square, a sum and a scale for each of the weight's elements; a MAC's bias is fused and free.
    assert found.other_flops == 3 * 8 * 16


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_dynamically_quantized_linear() -> None:
    model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 16)), {nn.Linear})
    assert cost(model, rows(1, 8)).macs == 8 * 16 == 128


def test_vmap_counts_mapped_dimension() -> None:
    model = Calls(lambda self, x: torch.vmap(self.child)(x), child=nn.Linear(8, 8))
    assert cost(model, rows(2, 8)).macs == 2 * 8 * 8 == 128


def test_plain_object_output() -> None:
    class Answer:
        def __init__(self, value: Tensor) -> None:
            self.value = value

    model = Calls(lambda self, x: Answer(self.child(x)), child=nn.Linear(8, 16))
    assert cost(model, rows(1, 8)).macs == 8 * 16 == 128


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_lazy_and_meta_models() -> None:
    assert cost(nn.LazyLinear(16), rows(1, 8)).macs == 8 * 16 == 128
    assert cost(nn.Linear(8, 16, device="meta"), rows(1, 8).to("meta")).macs == 8 * 16 == 128


def test_steps_before_shape_error_are_counted() -> None:
    trace = capture_trace(nn.Sequential(nn.Linear(8, 16), nn.Linear(9, 4)), rows(1, 8))
    report = netinspect.cost(trace).record
    assert report.total.macs == 8 * 16
    assert report.header.failure is not None
    assert "1.in_features" in str(report.header.failure) or report.header.failure.explanation


# --- other cases ---------------------------------------------------------------------------------


def heads(query_heads: int, key_heads: int, rows_: int, columns: int, width: int, value: int) -> Any:
    query = rows(2, query_heads, rows_, width)
    return query, rows(2, key_heads, columns, width), rows(2, key_heads, columns, value)


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize(
    ("name", "model", "size", "macs"),
    [
        ("grouped", nn.Conv2d(8, 12, 3, groups=4), (1, 8, 10, 10), 12 * 8 * 8 * 2 * 3 * 3),
        ("depthwise", nn.Conv2d(8, 8, 3, groups=8, padding=1), (2, 8, 6, 6), 2 * 8 * 6 * 6 * 9),
        ("dilated", nn.Conv2d(3, 4, 3, dilation=2), (1, 3, 9, 9), 4 * 5 * 5 * 3 * 9),
        ("strided", nn.Conv1d(4, 6, 5, stride=3), (2, 4, 20), 2 * 6 * 6 * 4 * 5),
        ("solid", nn.Conv3d(2, 3, (1, 2, 3)), (1, 2, 4, 4, 4), 3 * (4 * 3 * 2) * 2 * 1 * 2 * 3),
        (
            "transposed in groups",
            nn.ConvTranspose2d(8, 12, 3, groups=4),
            (1, 8, 5, 5),
            8 * 5 * 5 * 3 * 9,
        ),
        ("padded with a reflection", nn.Conv1d(2, 3, 3, padding=1, padding_mode="reflect"), (1, 2, 7),
         3 * 7 * 2 * 3),
        ("two layers both ways", nn.LSTM(4, 6, 2, bidirectional=True), (5, 3, 4),
         15 * 2 * 24 * ((4 + 6) + (12 + 6))),
        ("projected", nn.LSTM(4, 6, proj_size=2), (5, 3, 4), 15 * (24 * (4 + 2) + 6 * 2)),
        ("gru", nn.GRU(4, 6), (5, 3, 4), 15 * 18 * (4 + 6)),
        ("plain recurrence", nn.RNN(4, 6), (5, 3, 4), 15 * 6 * (4 + 6)),
        ("layer norm", nn.LayerNorm(8), (2, 8), 0),
        ("pooled", nn.MaxPool2d(2), (1, 2, 4, 4), 0),
    ],
)  # fmt: skip
def test_counted_work_of_layer(name: str, model: nn.Module, size: tuple[int, ...], macs: int) -> None:
    found = cost(model, rows(*size))
    assert (found.macs, found.flops, found.uncounted) == (macs, 2 * macs, 0)


def test_grouped_query_attention_counts_query_heads() -> None:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=True)

    if "enable_gqa" not in str(F.scaled_dot_product_attention.__doc__):
        pytest.skip("this torch has no grouped heads")
    assert cost(attend, *heads(8, 2, 5, 7, 16, 16)).macs == 2 * 8 * 5 * 7 * (16 + 16)


def test_attention_mask_does_not_change_macs() -> None:
    def causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)

    assert cost(causal, *heads(2, 2, 6, 6, 8, 8)).macs == 2 * 2 * 6 * 6 * 16


def test_attention_with_other_value_width() -> None:
    found = cost(F.scaled_dot_product_attention, *heads(2, 2, 5, 7, 8, 12))
    assert found.macs == 2 * 2 * 5 * 7 * (8 + 12)


def test_cross_attention() -> None:
    model = nn.MultiheadAttention(16, 2, kdim=12, vdim=20, batch_first=True)
    inputs = rows(2, 5, 16), rows(2, 7, 12), rows(2, 7, 20)
    projected = 2 * (5 * 16 * 16 + 7 * 12 * 16 + 7 * 20 * 16 + 5 * 16 * 16)
    assert cost(model, *inputs).macs == projected + 2 * (2 * 5 * 7 * 16)


def test_packed_sequence_counts_time_steps() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 2]), batch_first=True)
        out: Tensor = self.lstm(packed)[1][0]
        return out

    model = Calls(run, lstm=nn.LSTM(4, 6, batch_first=True))
    assert cost(model, rows(2, 5, 4)).macs == (5 + 2) * 24 * (4 + 6)


def test_complex_product_is_four_real_ones() -> None:
    x = torch.complex(rows(3, 4), rows(3, 4))
    assert cost(lambda a: a @ a.T, x).macs == 4 * (3 * 4 * 3)


def test_sparse_matrix_counts_stored_elements() -> None:
    sparse = torch.eye(6).to_sparse()
    assert cost(torch.sparse.mm, sparse, rows(6, 5)).macs == 6 * 5


def test_products_with_an_addend_and_of_vectors() -> None:
    assert cost(torch.baddbmm, rows(2, 3, 5), rows(2, 3, 4), rows(2, 4, 5)).macs == 2 * 3 * 4 * 5
    assert cost(torch.addbmm, rows(3, 5), rows(2, 3, 4), rows(2, 4, 5)).macs == 2 * 3 * 4 * 5
    assert cost(torch.addmv, rows(3), rows(3, 4), rows(4)).macs == 3 * 4
    assert cost(torch.dot, rows(7), rows(7)).macs == 7


def test_products_in_place_and_with_out() -> None:
    def in_place(x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros(3, 5).addmm_(x, y)

    def given(x: Tensor, y: Tensor) -> Tensor:
        return torch.mm(x, y, out=torch.empty(3, 5))

    for function in (in_place, given):
        found = cost(function, rows(3, 4), rows(4, 5))
        assert (found.macs, found.uncounted) == (3 * 4 * 5, 0)


def test_fft_has_flops_and_no_macs() -> None:
    found = cost(torch.fft.fft, torch.complex(rows(2, 8), rows(2, 8)))
    assert (found.macs, found.other_flops) == (0, 2 * 5 * 8 * math.log2(8))
    # A product of matrices that is dressed as a transform is counted as what it is.
    assert cost(torch.fft.rfft, rows(2, 8)).other_flops == 2 * 5 * 8 * 3 / 2


def test_flop_conventions_by_operator_class() -> None:
    image = rows(2, 4, 8, 8)
    elements = 2 * 4 * 8 * 8
    for model, flops in (
        (nn.ReLU(), elements),
        (nn.BatchNorm2d(4), 2 * elements),
        (nn.BatchNorm2d(4, affine=False), elements),
        (nn.GroupNorm(2, 4), 5 * elements),
        (nn.LayerNorm(8, elementwise_affine=False), 4 * elements),
        (nn.Softmax(-1), 5 * elements),
        (nn.MaxPool2d(2), 4 * (elements // 4)),
        (nn.AvgPool2d(3, 2), 9 * (2 * 4 * 3 * 3)),
        (nn.AdaptiveAvgPool2d(2), elements),
        (nn.AdaptiveAvgPool2d(1), elements),
        (nn.Upsample(scale_factor=2), 0),
        (nn.Upsample(scale_factor=2, mode="bilinear"), 4 * (4 * elements)),
        (nn.Flatten(), 0),
    ):
        assert cost(model, image).other_flops == flops, model
    assert cost(nn.BatchNorm2d(4), image, train=True).other_flops == 5 * elements + 1
