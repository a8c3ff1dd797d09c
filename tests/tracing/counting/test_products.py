"""Tests of MACs of operators with several products, by hand and against the profiler of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from netinspect.tracing.counting.table import rule_for
from tests.nets.case import rows
from tests.support import TORCH
from tests.tracing.counting.counted import Calls, backward, capture_model, cost

pytestmark = pytest.mark.filterwarnings(
    "ignore:The PyTorch API of nested tensors:UserWarning", "ignore:Sparse:UserWarning"
)


def einsum(equation: str) -> Callable[..., Tensor]:
    return lambda *operands: torch.einsum(equation, *operands)


def attend(backend: SDPBackend, **options: Any) -> Callable[..., Tensor]:
    def run(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(query, key, value, **options)

    return run


MATH, FLASH = SDPBackend.MATH, SDPBackend.FLASH_ATTENTION
QUERY, KEY = rows(2, 4, 6, 8), rows(2, 4, 7, 8)
SCORES = 2 * 4 * 6 * 7
"""Return attention weights of batch, heads, queries and keys."""

CHAIN = rows(2, 30), rows(30, 4), rows(4, 5)
# Left to right 2 x 30 x 4 and 2 x 4 x 5; from the right it would be 30 x 4 x 5 and 2 x 30 x 5.
CHEAPEST = 2 * 30 * 4 + 2 * 4 * 5

Case = tuple[Callable[..., Any], tuple[Tensor, ...], int]
BY_PROFILER: dict[str, Case] = {
    # Each of 3 examples: 7 x 5 x 6, then 7 x 6.
    "bilinear": (nn.Bilinear(5, 6, 7), (rows(3, 5), rows(3, 6)), 3 * 7 * 6 * (5 + 1)),
    "bilinear of one feature": (nn.Bilinear(1, 6, 2), (rows(3, 1), rows(3, 6)), 3 * 2 * 6 * (1 + 1)),
    "bilinear of one output": (nn.Bilinear(5, 6, 1), (rows(4, 5), rows(4, 6)), 4 * 6 * (5 + 1)),
    "bilinear of more dimensions": (
        nn.Bilinear(5, 6, 7, bias=False), (rows(2, 3, 5), rows(2, 3, 6)), 2 * 3 * 7 * 6 * (5 + 1),
    ),
    "bilinear of a vector": (F.bilinear, (rows(5), rows(6), rows(7, 5, 6)), 7 * 6 * (5 + 1)),
    "bilinear in double": (
        nn.Bilinear(5, 6, 7).double(), (rows(3, 5).double(), rows(3, 6).double()),
        3 * 7 * 6 * (5 + 1),
    ),
    "bilinear in bfloat16": (
        nn.Bilinear(5, 6, 7).bfloat16(), (rows(3, 5).bfloat16(), rows(3, 6).bfloat16()),
        3 * 7 * 6 * (5 + 1),
    ),
    "einsum of three": (
        einsum("bi,oij,bj->bo"), (rows(3, 5), rows(7, 5, 6), rows(3, 6)), 3 * 7 * 6 * (5 + 1),
    ),
    "einsum of four": (
        einsum("ab,bc,cd,de->ae"), (rows(2, 3), rows(3, 4), rows(4, 5), rows(5, 6)),
        2 * 3 * 4 + 2 * 4 * 5 + 2 * 5 * 6,
    ),
    "einsum of an outer product": (einsum("a,b->ab"), (rows(2), rows(3)), 0),
    "einsum over a diagonal": (einsum("bii,bij->bj"), (rows(2, 3, 3), rows(2, 3, 4)), 2 * 3 * 4),
    "multi_dot": (lambda *each: torch.linalg.multi_dot(each), CHAIN, CHEAPEST),
    "multi_dot of vectors": (
        lambda *each: torch.linalg.multi_dot(each), (rows(30), rows(30, 4), rows(4)), 30 * 4 + 4,
    ),
    "chain_matmul": (torch.chain_matmul, CHAIN, CHEAPEST),
    "matrix_power": (lambda x: torch.linalg.matrix_power(x, 5), (rows(4, 4),), 3 * 4**3),
    "tensordot": (lambda x, y: torch.tensordot(x, y, 2), (rows(3, 4, 5), rows(4, 5, 6)), 3 * 20 * 6),
    "covariance": (torch.cov, (rows(4, 10),), 4 * 4 * 10),
    "correlation": (torch.corrcoef, (rows(4, 10),), 4 * 4 * 10),
    "broadcast batches": (torch.matmul, (rows(2, 1, 3, 4), rows(5, 4, 6)), 2 * 5 * 3 * 4 * 6),
    "addmm of addmm": (
        lambda x, y, z: torch.addmm(torch.addmm(torch.zeros(3, 5), x, y), x, z),
        (rows(3, 4), rows(4, 5), rows(4, 5)), 2 * 3 * 4 * 5,
    ),
    "baddbmm": (torch.baddbmm, (rows(2, 3, 5), rows(2, 3, 4), rows(2, 4, 5)), 2 * 3 * 4 * 5),
    "affine_grid": (
        lambda x: F.affine_grid(x, [2, 1, 4, 4, 3], align_corners=False), (rows(2, 3, 4),),
        2 * (4 * 4 * 3) * 3 * 4,
    ),
    "attention": (attend(MATH), (QUERY, KEY, KEY), SCORES * (8 + 8)),
    "attention under a mask": (
        attend(MATH, attn_mask=torch.ones(6, 7).bool()), (QUERY, KEY, KEY), SCORES * (8 + 8),
    ),
    "causal attention": (attend(MATH, is_causal=True), (QUERY, KEY, KEY), SCORES * (8 + 8)),
    "attention with dropout": (attend(MATH, dropout_p=0.5), (QUERY, KEY, KEY), SCORES * (8 + 8)),
    "attention in groups": (
        attend(MATH, enable_gqa=True), (QUERY, KEY[:, :2], KEY[:, :2]), SCORES * (8 + 8),
    ),
    "attention to other widths": (attend(MATH), (QUERY, KEY, KEY[..., :5]), SCORES * (8 + 5)),
    "attention without heads": (attend(MATH), (QUERY[0, 0], KEY[0, 0], KEY[0, 0]), 6 * 7 * (8 + 8)),
    "gated recurrence": (
        nn.GRU(4, 6, 2, bidirectional=True), (rows(5, 3, 4),), 15 * 2 * 18 * ((4 + 6) + (12 + 6)),
    ),
    "recurrence": (nn.RNN(4, 6, 2), (rows(5, 3, 4),), 15 * 6 * ((4 + 6) + (6 + 6))),
    "a cell": (nn.LSTMCell(4, 6), (rows(3, 4),), 3 * 24 * (4 + 6)),
}  # fmt: skip
"""Torch computes these as products for which its profiler has FLOPs."""

BY_HAND: dict[str, Case] = {
    "bilinear in complex numbers": (
        nn.Bilinear(5, 6, 7, dtype=torch.complex64),
        (rows(3, 5).to(torch.complex64), rows(3, 6).to(torch.complex64)),
        4 * (3 * 7 * 6 * (5 + 1)),
    ),
    "bilinear of nothing": (nn.Bilinear(5, 6, 7), (rows(0, 5), rows(0, 6)), 0),
    "addbmm": (torch.addbmm, (rows(3, 5), rows(2, 3, 4), rows(2, 4, 5)), 2 * 3 * 4 * 5),
    "addmv": (torch.addmv, (rows(3), rows(3, 4), rows(4)), 3 * 4),
    "vdot": (torch.vdot, (rows(5), rows(5)), 5),
    "outer": (torch.outer, (rows(3), rows(4)), 0),
    "addr": (torch.addr, (rows(3, 4), rows(3), rows(4)), 0),
    "kron": (torch.kron, (rows(3, 2), rows(4, 5)), 0),
    # By a convention of their own, also where a kernel uses a product: see docs/reference/cost.md.
    "distances": (torch.cdist, (rows(30, 4), rows(50, 4)), 0),
    **{
        f"attention in one kernel, {name}": (
            attend(FLASH, **options), tuple(each.to(dtype) for each in operands), macs,
        )
        for name, options, operands, dtype, macs in (
            ("plain", {}, (QUERY, KEY, KEY), torch.float32, SCORES * (8 + 8)),
            ("half", {}, (QUERY, KEY, KEY), torch.float16, SCORES * (8 + 8)),
            ("double", {}, (QUERY, KEY, KEY), torch.float64, SCORES * (8 + 8)),
            ("masked", {"attn_mask": torch.zeros(2, 1, 6, 7)}, (QUERY, KEY, KEY), torch.float32,
             SCORES * (8 + 8)),
            ("causal", {"is_causal": True}, (QUERY, KEY, KEY), torch.float32, SCORES * (8 + 8)),
            ("grouped", {"enable_gqa": True}, (QUERY, KEY[:, :2], KEY[:, :2]), torch.float32,
             SCORES * (8 + 8)),
        )
    },
    "eight bits": (
        torch._int_mm, (torch.ones(32, 16, dtype=torch.int8), torch.ones(16, 8, dtype=torch.int8)),
        32 * 16 * 8,
    ),
    "weights of eight bits": (
        torch._weight_int8pack_mm,
        (rows(4, 32).bfloat16(), torch.ones(16, 32, dtype=torch.int8), torch.ones(16).bfloat16()),
        4 * 32 * 16,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated:UserWarning")
@pytest.mark.parametrize("name", [*BY_PROFILER, *BY_HAND])
def test_macs_equal_hand_computed_values(name: str) -> None:
    if name == "attention in one kernel, grouped" and TORCH <= (2, 6):
        pytest.skip("torch 2.6 has no such kernel for the CPU")
    function, operands, macs = {**BY_PROFILER, **BY_HAND}[name]
    found = cost(function, *operands)
    assert (found.macs, found.flops, found.uncounted) == (macs, 2 * macs, 0)


_PRODUCTS = {f"aten::{name}" for name in ("mm", "bmm", "addmm", "baddbmm")}


def profiled(runs: Mapping[str, Callable[[], Any]]) -> dict[str, int]:
    """Return the MACs of each run from the profiler of torch, in one session."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], with_flops=True, record_shapes=True
    ) as profiler:
        for name, run in runs.items():
            with torch.profiler.record_function(f"case {name}"):
                run()
    found = dict.fromkeys(runs, 0)
    for event in profiler.events() or ():
        if event.name in _PRODUCTS:
            for around in _around(event):
                if around.name.startswith("case "):
                    found[around.name.removeprefix("case ")] += (event.flops or 0) // 2
    return found


def _around(event: Any) -> Iterator[Any]:
    while event is not None:
        yield event
        event = event.cpu_parent


@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated:UserWarning")
def test_macs_equal_torch_profiler() -> None:
    def call(function: Callable[..., Any], operands: tuple[Tensor, ...]) -> Callable[[], Any]:
        return torch.no_grad()(lambda: function(*operands))

    found = profiled({name: call(*case[:2]) for name, case in BY_PROFILER.items()})
    assert found == {name: case[2] for name, case in BY_PROFILER.items()}


class Scaled(nn.Module):
    """Module whose operands need gradients too."""

    def __init__(self, inner: nn.Module, *sizes: int) -> None:
        super().__init__()
        self.inner = inner
        self.scales = nn.ParameterList(torch.ones(size) for size in sizes)

    def forward(self, *operands: Tensor) -> Any:
        return self.inner(*(each * by for each, by in zip(operands, self.scales, strict=True)))


BACKWARD: dict[str, tuple[nn.Module, tuple[Tensor, ...], int]] = {
    # One product for each gradient; the other factors are multiplied element by element.
    "bilinear": (Scaled(nn.Bilinear(5, 6, 7), 5, 6), (rows(3, 5), rows(3, 6)), 3 * (3 * 7 * 5 * 6)),
    "bilinear, of the weight": (nn.Bilinear(5, 6, 7), (rows(3, 5), rows(3, 6)), 3 * 7 * 5 * 6),
    "bilinear of one output": (
        Scaled(nn.Bilinear(5, 6, 1), 5, 6), (rows(3, 5), rows(3, 6)), 3 * (3 * 5 * 6),
    ),
    "attention": (
        Scaled(Calls(lambda _, *each: attend(MATH)(*each)), 8, 8, 8), (QUERY, KEY, KEY),
        2 * SCORES * (8 + 8),
    ),
    "einsum of three": (
        Scaled(Calls(lambda _, *each: einsum("bi,oij,bj->bo")(*each)), 5, 6, 6),
        (rows(3, 5), rows(7, 5, 6), rows(3, 6)), 2 * (3 * 7 * 6 * (5 + 1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_macs_equal_hand_computed_values(name: str) -> None:
    model, operands, macs = BACKWARD[name]
    found = backward(model, *operands)
    assert (found.macs, found.uncounted) == (macs, 0)


def test_backward_macs_equal_torch_profiler() -> None:
    def backward_of(model: nn.Module, operands: tuple[Tensor, ...]) -> Callable[[], Any]:
        loss = model(*operands).sum()
        parameters = list(model.parameters())
        return lambda: torch.autograd.grad(loss, parameters)

    found = profiled({name: backward_of(*case[:2]) for name, case in BACKWARD.items()})
    assert found == {name: case[2] for name, case in BACKWARD.items()}


def test_bilinear_elements_are_those_of_two_products() -> None:
    fused = cost(nn.Bilinear(5, 6, 7), rows(3, 5), rows(3, 6))
    parts = cost(einsum("bi,oij,bj->bo"), rows(3, 5), rows(7, 5, 6), rows(3, 6))
    assert fused.activations == parts.activations == 3 * 7 * 6 + 3 * 7


def test_embedding_bag_weights_are_multiplications() -> None:
    def run(table: Tensor, *weights: Tensor) -> Tensor:
        given = weights[0] if weights else None
        return F.embedding_bag(
            torch.arange(4), table, torch.tensor([0, 2]), mode="sum", per_sample_weights=given
        )

    assert cost(run, rows(10, 3)).other_flops == 4 * 3
    assert cost(run, rows(10, 3), rows(4)).other_flops == 2 * (4 * 3)


# --- nested tensors --------------------------------------------------------------------------------


def jagged(*parts: Tensor) -> Tensor:
    return torch.nested.nested_tensor(list(parts), layout=torch.jagged)


def strided(*parts: Tensor) -> Tensor:
    return torch.nested.nested_tensor(list(parts))


class Ragged(nn.Module):
    """Attention over sequences of different lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(16, 16) for _ in range(4))

    def forward(self, *parts: Tensor) -> Tensor:
        x = jagged(*parts)
        q, k, v = (layer(x).unflatten(-1, [2, 8]).transpose(1, 2) for layer in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
        return self.out(y).to_padded_tensor(0.0)


@pytest.mark.parametrize("lengths", [(3, 5, 2), (4,), (1, 1, 9)])
def test_jagged_attention_counts_each_sequence(lengths: tuple[int, ...]) -> None:
    layers = 4 * sum(lengths) * 16 * 16
    attention = 2 * 2 * 8 * sum(length**2 for length in lengths)
    parts = [rows(length, 16) for length in lengths]
    found = cost(Ragged(), *parts)
    assert (found.macs, found.uncounted) == (layers + attention, 0)
    # What is given needs no gradient: the first three layers have one product each.
    found = backward(Ragged(), *parts)
    first = 3 * sum(lengths) * 16 * 16
    assert (found.macs, found.uncounted) == (2 * (layers + attention) - first, 0)


@pytest.mark.parametrize("made", [jagged, strided], ids=["jagged", "strided"])
def test_nested_products_count_each_tensor(made: Callable[..., Tensor]) -> None:
    parts = rows(3, 16), rows(5, 16)
    layer = nn.Linear(16, 4)

    def linear(*each: Tensor) -> Tensor:
        return layer(made(*each)).to_padded_tensor(0.0)

    found = cost(linear, *parts)
    assert (found.macs, found.uncounted) == ((3 + 5) * 16 * 4, 0)
    model = Calls(lambda self, *each: self.layer(made(*each)).to_padded_tensor(0.0), layer=layer)
    assert backward(model, *parts).macs == (3 + 5) * 16 * 4


def test_nested_matrix_batches() -> None:
    def run(*parts: Tensor) -> Tensor:
        return torch.bmm(strided(*parts), strided(*parts).transpose(1, 2)).to_padded_tensor(0.0)

    found = cost(run, rows(3, 16), rows(5, 16))
    assert (found.macs, found.uncounted) == (16 * (3 * 3 + 5 * 5), 0)


OFFSETS = torch.tensor([0, 3, 8, 10], dtype=torch.int32)
"""Three sequences of 3, 5 and 2 tokens."""

KEY_OFFSETS = torch.tensor([0, 4, 5, 12], dtype=torch.int32)


@pytest.mark.parametrize(
    ("name", "before", "after", "times"),
    [
        ("aten._flash_attention_forward", 0, 0, 1),
        ("aten._efficient_attention_forward", 0, 1, 1),
        ("aten._flash_attention_backward", 1, 2, 2),
        ("aten._efficient_attention_backward", 1, 2, 2),
        ("torch_attn._varlen_attn", 0, 0, 1),
    ],
)
def test_attention_kernels_for_packed_sequences(name: str, before: int, after: int, times: int) -> None:
    namespace, _, operator = name.partition(".")
    if namespace == "torch_attn":
        pytest.importorskip("torch.nn.attention.varlen")
    rule = rule_for(getattr(getattr(torch.ops, namespace), operator).default)
    assert rule is not None
    assert rule.kind == "attention"

    def macs(query: Tensor, key: Tensor, *offsets: Any) -> int | None:
        args = (*[query] * before, query, key, key, *[None] * after, *offsets)
        return rule.formula(args, {}, (query,)).macs

    packed = rows(10, 4, 8), rows(12, 2, 8)
    scores = 4 * (3 * 4 + 5 * 1 + 2 * 7)
    assert macs(*packed, OFFSETS, KEY_OFFSETS, 5, 7) == times * scores * (8 + 8)
    # Without values, all sequences count as the longest.
    assert macs(*packed, OFFSETS.to("meta"), KEY_OFFSETS.to("meta"), 5, 7) == times * 3 * 4 * 5 * 7 * 16
    # What is not packed is (batch, length, heads, width).
    batch = rows(2, 5, 4, 8), rows(2, 7, 4, 8)
    assert macs(*batch, None, None, 5, 7) == times * 2 * 4 * 5 * 7 * (8 + 8)


# --- sparse operands where torch does not take a function apart ---------------------------------------


def test_sparse_products_in_inference_mode() -> None:
    sparse = torch.zeros(6, 6).index_put(
        (torch.tensor([0, 1, 4]), torch.tensor([1, 5, 4])), torch.ones(3)
    )

    def run(x: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            weight = sparse.to_sparse_csr()
            return [F.linear(x, weight), x @ weight, weight @ x.t()]

    found = cost(run, rows(4, 6))
    assert (found.macs, found.uncounted) == (3 * (3 * 4), 0)


@pytest.mark.parametrize("function", [torch.hspmm, torch.smm])
def test_products_with_sparse_outputs(function: Callable[..., Any]) -> None:
    found = cost(lambda x: function(torch.eye(4).to_sparse(), x).to_dense(), rows(4, 3))
    assert (found.macs, found.uncounted) == (4 * 3, 0)


def test_sparse_operand_is_noted() -> None:
    note = "products with a sparse operand are counted by its stored elements"
    trace = capture_model(lambda x: torch.sparse.mm(torch.eye(4).to_sparse(), x), rows(4, 3))
    assert trace.warnings == (note,)
    assert capture_model(lambda x: x @ x.t(), rows(4, 3)).warnings == ()
