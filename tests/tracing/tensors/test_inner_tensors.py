"""Tests of the bytes of parameters and buffers that wrap other tensors, against torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.masked import masked_tensor
from torch.testing._internal.two_tensor import TwoTensor

import netinspect
from netinspect.api import load
from netinspect.errors import UsageError
from netinspect.memory_tracker.allocations import AllocationTracker
from netinspect.records.codec import from_data, to_data
from netinspect.records.report_header import Totals
from netinspect.records.tensors import Buffer
from netinspect.records.trace import Trace
from netinspect.records.values import TensorSpec
from tests.support import torch_dtypes

pytestmark = pytest.mark.filterwarnings("ignore")

EYE = torch.eye(4)
PLACES = torch.tensor([[0, 0, 3], [1, 1, 2]])
COO = torch.sparse_coo_tensor(PLACES, torch.tensor([1.0, 2.0, 4.0]), (4, 4), check_invariants=True)


def two(*shape: int) -> Tensor:
    made: Tensor = TwoTensor(torch.ones(shape), torch.zeros(shape))
    return made


def per_channel(dtype: torch.dtype = torch.qint8) -> Tensor:
    kind = torch.float if dtype is torch.quint4x2 else torch.long
    zeros = torch.zeros(3, dtype=kind)
    return torch.quantize_per_channel(torch.randn(3, 8), torch.rand(3) + 0.1, zeros, 0, dtype)


def nested(layout: torch.layout = torch.strided) -> Tensor:
    return torch.nested.nested_tensor([torch.ones(3, 4), torch.ones(5, 4)], layout=layout)


class Pair(Tensor):
    """User class that wraps two tensors and records its calls."""

    called: ClassVar[list[str]] = []
    one: Tensor
    others: list[Tensor]

    @staticmethod
    def __new__(cls, one: Tensor, other: Tensor) -> Pair:
        made = torch.Tensor._make_wrapper_subclass(cls, one.shape, dtype=one.dtype)
        return made

    def __init__(self, one: Tensor, other: Tensor) -> None:
        self.one, self.others = one, [other]

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        self.called.append("__tensor_flatten__")
        return ["one"], None

    def dequantize(self) -> Tensor:
        self.called.append("dequantize")
        return self.one

    def __repr__(self) -> str:  # type: ignore[override]
        self.called.append("__repr__")
        return "Pair"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        cls.called.append(str(func))
        if func is torch.ops.aten.detach.default:
            return Pair(args[0].one, args[0].others[0])
        raise NotImplementedError(func)


CASES: dict[str, tuple[Callable[[], Tensor], int, int]] = {
    # Constructor, bytes and elements.
    "coo": (lambda: EYE.to_sparse(), 4 * 4 + 2 * 4 * 8, 16),
    "coo with two values in one place": (lambda: COO, 3 * 4 + 2 * 3 * 8, 16),
    "coo of rows": (lambda: torch.ones(3, 4, 5).to_sparse(1), 60 * 4 + 3 * 8, 60),
    "coo of nothing": (lambda: torch.zeros(4, 4).to_sparse(), 0, 16),
    "csr": (lambda: EYE.to_sparse_csr(), 4 * 4 + 4 * 8 + 5 * 8, 16),
    "csr of a batch": (lambda: torch.stack([EYE, EYE]).to_sparse_csr(), 2 * (16 + 32 + 40), 32),
    "csr transposed": (lambda: torch.ones(3, 4).to_sparse_csr().t(), 12 * 4 + 12 * 8 + 4 * 8, 12),
    "csc": (lambda: EYE.to_sparse_csc(), 4 * 4 + 4 * 8 + 5 * 8, 16),
    "bsr": (lambda: EYE.to_sparse_bsr((2, 2)), 8 * 4 + 2 * 8 + 3 * 8, 16),
    "bsc": (lambda: EYE.to_sparse_bsc((2, 2)), 8 * 4 + 2 * 8 + 3 * 8, 16),
    "quantized": (lambda: torch.quantize_per_tensor(torch.randn(3, 8), 0.1, 0, torch.qint8), 24, 24),
    "quantized per channel": (per_channel, 24 + 3 * 8 + 3 * 8, 24),
    "4 bits per channel": (lambda: per_channel(torch.quint4x2), 12 + 3 * 4 + 3 * 4, 24),
    "nested": (nested, 32 * 4, 32),
    "jagged": (lambda: nested(torch.jagged), 32 * 4 + 3 * 8, 32),
    "two tensors": (lambda: two(3, 4), 2 * 48, 12),
    "twice two tensors": (
        lambda: TwoTensor(two(3, 4), two(3, 4)),
        4 * 48,
        12,
    ),
    "masked": (lambda: masked_tensor(torch.ones(3, 4), torch.ones(3, 4).bool()), 48 + 12, 12),
    "expanded": (lambda: torch.arange(512).expand(64, -1), 512 * 8, 64 * 512),
    "float8": (lambda: torch.ones(3).to(torch.float8_e5m2), 3, 3),
    **{
        str(dtype): (partial(torch.empty, 4, dtype=dtype), 4, 4)
        for dtype in torch_dtypes("float4_e2m1fn_x2")
    },
    "complex": (lambda: torch.ones(3, dtype=torch.cfloat), 24, 3),
    "empty": (lambda: torch.empty(0, 4), 0, 0),
}


class Holder(nn.Module):
    """Module with given tensors as buffers."""

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, x: Tensor) -> Tensor:
        return x


def buffers_of(model: nn.Module, **options: Any) -> tuple[Buffer, ...]:
    return load(model, run=False, **options).buffers


@pytest.mark.parametrize("name", CASES)
def test_bytes_equal_file_and_memory(name: str, tmp_path: Path) -> None:
    make, size, elements = CASES[name]
    model, file = Holder(t=make()), tmp_path / "t.pt"
    (buffer,) = buffers_of(model)
    assert (buffer.spec.bytes, buffer.spec.elements) == (size, elements)
    torch.save({"t": model.t}, file)
    (row,) = netinspect.params(netinspect.read_checkpoint(file)).record.rows
    assert (row.bytes, row.elements) == (size, elements)
    tracker = AllocationTracker(model, ())
    assert sum(each.bytes for each in tracker.allocations()) == size


def test_sparse_tensor_reports_stored_elements() -> None:
    csr, batch = buffers_of(Holder(csr=EYE.to_sparse_csr(), bsr=EYE.to_sparse_bsr((2, 2))))
    assert csr.spec.layout is not None
    assert (csr.spec.layout.name, csr.spec.layout.stored) == ("sparse_csr", 4)
    assert batch.spec.layout is not None
    assert (batch.spec.layout.name, batch.spec.layout.stored) == ("sparse_bsr", 8)
    text = netinspect.params(Holder(a=EYE.to_sparse()), buffers=True).text(width=200)
    assert "sparse_coo, 4 stored: indices int64 (2, 4), values float32 (4)" in text
    assert "sparse_coo: 1 tensor, 4 of 16 values stored, 80 B" in text


def test_tensor_of_an_opaque_layout_counts_its_elements() -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    model = Holder(t=torch.ones(3, 4).to_mkldnn())
    (buffer,) = buffers_of(model, stats=True)
    assert buffer.spec.bytes == 48
    assert buffer.statistics is not None
    assert buffer.statistics.mean == 1
    tracker = AllocationTracker(model, ())
    assert sum(each.bytes for each in tracker.allocations()) == 48


def test_tied_wrapper_tensors_count_once(tmp_path: Path) -> None:
    pair, csr, channels = two(3, 4), EYE.to_sparse_csr(), per_channel()
    tensors = {
        "a": pair,
        "b": pair.detach(),
        "s": csr,
        "t": csr.t(),
        "q": channels,
        "r": channels.detach(),
    }
    file = tmp_path / "tied.pt"
    torch.save(tensors, file)
    live = netinspect.params(Holder(**tensors), buffers=True).record
    stored = netinspect.params(netinspect.read_checkpoint(file)).record
    size = 96 + 88 + 72
    assert isinstance(live.totals, Totals)
    assert live.totals.buffer_bytes == size
    assert [row.name for row in live.rows if row.counted] == ["a", "s", "q"]
    # In the file, the transposed one is another tensor: its layout differs.
    assert stored.totals.bytes in (size, size + 88)
    assert [row.tied_to for row in stored.rows if row.name in "abqr"] == [
        ("b",), ("a",), ("r",), ("q",),
    ]  # fmt: skip


def test_shared_inner_tensor_counts_once(tmp_path: Path) -> None:
    shared = torch.ones(3, 4)
    one = TwoTensor(shared, torch.ones(3, 4))
    other = TwoTensor(shared, torch.ones(3, 4))
    model = Holder(one=one, other=other, shared=shared)
    found = netinspect.params(model, buffers=True).record
    assert [row.bytes for row in found.rows] == [96, 96, 48]
    assert isinstance(found.totals, Totals)
    assert found.totals.buffer_bytes == 3 * 48
    torch.save(dict(model.named_buffers()), tmp_path / "shared.pt")
    stored = netinspect.params(netinspect.read_checkpoint(tmp_path / "shared.pt"))
    assert [row.bytes for row in stored.record.rows] == [96, 96, 48]
    assert stored.record.totals.bytes == 3 * 48
    assert "144 B" in stored.text()
    tracker = AllocationTracker(model, ())
    assert sum(each.bytes for each in tracker.allocations()) == 3 * 48


def test_user_tensor_class_is_read_without_its_code() -> None:
    model = Holder(t=Pair(torch.ones(3, 4), torch.ones(3, 4, dtype=torch.int8)))
    Pair.called.clear()
    (buffer,) = buffers_of(model, stats=True, values=True)
    str(netinspect.params(model, buffers=True, stats=True))
    assert Pair.called == []
    assert buffer.spec.bytes == 48 + 12
    assert buffer.spec.layout is not None
    assert buffer.spec.layout.inner == ("one float32 (3, 4)", "others.0 int8 (3, 4)")
    assert buffer.statistics is None
    assert buffer.not_read == "values depend on the code of class Pair, which is not called"
    assert (buffer.values or "").startswith("Pair(one=tensor([[1., 1., 1., 1.],")


def test_tensor_class_with_own_memory_counts_only_that() -> None:
    class Tagged(Tensor):
        pass

    tagged = torch.ones(3, 4).as_subclass(Tagged)
    tagged.scale = torch.ones(100)  # type: ignore[attr-defined]
    (buffer,) = buffers_of(Holder(t=tagged), stats=True)
    assert (buffer.spec.bytes, buffer.spec.layout) == (48, None)
    assert buffer.statistics is not None


def test_trace_with_layouts_can_be_saved_and_read() -> None:
    trace = load(Holder(a=EYE.to_sparse(), t=two(2, 2)), run=False, stats=True)
    assert from_data(Trace, to_data(trace)) == trace


def test_sparse_input_is_described_and_has_no_spec() -> None:
    class Convolution(nn.Module):
        def forward(self, a: Tensor, x: Tensor) -> Tensor:
            return torch.sparse.mm(a, x)

    trace = load(Convolution(), args=(EYE.to_sparse(), torch.ones(4, 2)))
    sparse, plain = trace.inputs
    assert isinstance(sparse.value, TensorSpec)
    assert (sparse.value.bytes, sparse.spec, plain.spec) == (80, "", "x=4x2")
    with pytest.raises(UsageError, match="cannot be created again"):
        netinspect.memory(trace)


class Large(nn.Module):
    """A sparse matrix whose size depends on values, of a constructor that makes large tensors."""

    def __init__(self) -> None:
        super().__init__()
        dense = torch.rand(1100, 1100)
        self.register_buffer("a", (dense * (dense > 0.5)).to_sparse())

    def forward(self, x: Tensor) -> Tensor:
        return torch.sparse.mm(self.a, x)


def test_sparse_tensor_of_large_weights_is_not_made_of_zeros() -> None:
    (buffer,) = load(f"{__file__}:Large", run=False).buffers
    assert buffer.spec.layout is not None
    assert (buffer.spec.layout.stored or 0) > 500_000
