"""Tests of statistics of all kinds of tensors, against torch on their dense values."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.masked import masked_tensor
from torch.testing._internal.two_tensor import TwoTensor

import netinspect
from netinspect.records.saved import read_trace
from netinspect.tracing.tensors.statistics import summarize_values
from tests.support import torch_dtypes
from tests.tracing.tensors.test_inner_tensors import COO, Holder, nested, per_channel

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = torch.randn(6, 8) * (torch.rand(6, 8) > 0.4)


def dense_of(tensor: Tensor) -> Tensor:
    if tensor.is_nested:
        return torch.cat([part.reshape(-1) for part in tensor.unbind()])
    return tensor.dequantize() if tensor.is_quantized else tensor.to_dense()


@pytest.mark.parametrize(
    "make",
    [
        lambda: COO,
        lambda: ROWS.to_sparse(),
        lambda: ROWS.to_sparse(1),
        lambda: ROWS.to_sparse_csr(),
        lambda: ROWS.to_sparse_csr().t(),
        lambda: torch.stack([ROWS, ROWS]).to_sparse_csr(),
        lambda: ROWS.to_sparse_bsr((2, 2)),
        lambda: ROWS.bool().to_sparse(),
        lambda: torch.zeros(3, 3).to_sparse(),
        lambda: torch.quantize_per_tensor(ROWS, 0.1, 3, torch.qint8),
        per_channel,
        lambda: per_channel(torch.quint4x2),
        nested,
        lambda: nested(torch.jagged),
        lambda: ROWS.t(),
        lambda: ROWS[:, ::3],
        lambda: ROWS.expand(5, 6, 8),
        lambda: ROWS.to(torch.float8_e4m3fn),
    ],
    ids=[
        *(
            "coo in one place twice",
            "coo",
            "coo of rows",
            "csr",
            "csr transposed",
            "csr of a batch",
            "bsr",
        ),
        *("coo of bool", "coo of nothing", "quantized", "per channel", "4 bits", "nested", "jagged"),
        *("transposed", "strided", "expanded", "float8"),
    ],
)
def test_statistics_equal_those_of_dense_values(make: Callable[[], Tensor]) -> None:
    tensor = make()
    summary = summarize_values(tensor)
    found, reason = summary.statistics, summary.not_read
    values = dense_of(tensor).double()
    assert not reason
    assert found is not None
    assert found.mean == pytest.approx(values.mean().item())
    assert found.std == pytest.approx(values.std().item())
    assert (found.min, found.max) == (values.min().item(), values.max().item())
    assert found.zeros == int((values == 0).sum())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: torch.empty(3, device="meta"), "on the meta device, without values"),
        (lambda: nn.LazyLinear(3).weight, "not initialized: a lazy layer takes its size"),
        (lambda: masked_tensor(ROWS, ROWS > 0), "a MaskedTensor, which has no method dequantize"),
        (
            lambda: TwoTensor(ROWS, ROWS),
            "a TwoTensor, which has no method dequantize",
        ),
        *(
            (partial(torch.empty, 4, dtype=dtype), "torch cannot read them")
            for dtype in torch_dtypes("bits8", "float4_e2m1fn_x2")
        ),
    ],
    ids=["meta", "lazy", "masked", "two", *map(str, torch_dtypes("bits8", "float4_e2m1fn_x2"))],
)
def test_tensor_without_readable_values_has_a_reason(make: Callable[[], Tensor], reason: str) -> None:
    summary = summarize_values(make())
    found, why = summary.statistics, summary.not_read
    assert found is None
    assert why.startswith(reason)
    model = Holder(odd=make())
    view = netinspect.params(model, buffers=True, stats=True)
    assert f"not read ({reason}" in view.text(width=200)
    for kind in ("csv", "markdown"):
        assert reason in view.text(kind)
    assert json.loads(view.text("json"))["rows"][0]["not_read"].startswith(reason)


def test_complex_values_have_counts_only() -> None:
    tensor = torch.tensor(
        [0, 1 + 2j, complex("nan"), complex("inf"), complex(float("inf"), float("nan"))]
    )
    for each in (tensor, tensor.to_sparse()):
        found = summarize_values(each).statistics
        assert found is not None
        assert (found.mean, found.std, found.min, found.max) == (None, None, None, None)
        assert (found.zeros, found.nan, found.inf) == (1, 2, 1)
    text = netinspect.params(Holder(w=tensor), buffers=True, stats=True).text()
    assert "of complex values only zeros, NaN and infinities are counted" in text


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.sparse_coo_tensor(
            torch.tensor([[0, 99_999], [1, 5]]), torch.ones(2), (100_000, 100_000), check_invariants=True
        ),
        lambda: torch.ones(1, 1).expand(100_000, 100_000),
    ],
    ids=["sparse", "expanded"],
)
def test_statistics_take_no_dense_memory(make: Callable[[], Tensor]) -> None:
    # 37 GiB if it were made dense: this would be refused, or end the process.
    found = summarize_values(make()).statistics
    assert found is not None
    assert found.zeros in (0, 10**10 - 2)
    assert found.mean == pytest.approx(1.0 if not found.zeros else 2e-10)


def test_model_without_statistics_is_a_table_and_no_error(tmp_path: Path) -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.LazyLinear(3)

    for model in (nn.ReLU(), nn.Linear(2, 3, device="meta"), Lazy()):
        view = netinspect.params(model, stats=True, buffers=True)
        assert all(row.statistics is None for row in view.record.rows)
        file = tmp_path / f"{type(model).__name__}.json"
        netinspect.save(netinspect.load(model, run=False, stats=True), file)
        assert netinspect.params(read_trace(file, name="it"), stats=True).text() is not None


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(64, 100),
        torch.randn(300, 500).t(),
        torch.randn(1 << 13, 700),
        torch.tensor([1.0, float("nan"), 3.0, float("inf"), -2.0]),
        torch.randint(-5, 9, (30, 30)),
        torch.randn(40, 40).to(torch.bfloat16),
        torch.tensor(2.5),
    ],
    ids=["whole", "transposed", "several pieces", "not finite", "integers", "bfloat16", "scalar"],
)
def test_distribution_of_tensor_follows_torch_quantile(tensor: Tensor) -> None:
    found = summarize_values(tensor).distribution
    assert found is not None
    values = tensor.reshape(-1).double()
    values = values[values.isfinite()]
    assert found.exact == (found.elements == len(values))
    near = 0.01 if found.exact else 2.5
    for share, value in [(0.01, found.q01), (0.25, found.q25), (0.5, found.median), (0.75, found.q75)]:
        # `torch.quantile` refuses more than 16 million elements.
        rank = float((values < value).double().mean()), float((values <= value).double().mean())
        spread = near / 100 if not found.exact else 1 / len(values)
        assert rank[0] - spread <= share <= rank[1] + spread
    assert sum(found.bars) == (found.elements if found.bars else 0)


def test_distribution_of_parameters_is_that_of_their_checkpoint(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(300, 200), nn.BatchNorm1d(200))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    live = {row.name: row.distribution for row in netinspect.params(net, stats=True).record.rows}
    stored = {
        row.name: row.distribution
        for row in netinspect.params(tmp_path / "net.pt", stats=True).record.rows
    }
    assert live
    assert live == {name: stored[name] for name in live}


@pytest.mark.parametrize(
    "make",
    [lambda: ROWS.to_sparse(), lambda: ROWS.expand(5, 6, 8), lambda: ROWS.to(torch.complex64), nested],
    ids=["sparse", "expanded", "complex", "nested"],
)
def test_distribution_is_unknown_for_other_tensors(make: Callable[[], Tensor]) -> None:
    assert summarize_values(make()).distribution is None
