"""Tests that work is counted for its step, and that uncounted operators are reported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula

import netinspect
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from tests.nets.case import capture_trace, rows
from tests.nets.every import CASES
from tests.tracing.counting.counted import Calls, backward, capture_model, cost, operators


def macs_by_step(trace: Trace) -> dict[tuple[str, str], int]:
    """Return the nonzero MACs of steps, by module and name."""
    found: dict[tuple[str, str], int] = {}
    for step in trace.steps:
        macs = sum(work.macs or 0 for work in step.work)
        if macs:
            found[step.module, step.name] = found.get((step.module, step.name), 0) + macs
    return found


# --- where it is charged ------------------------------------------------------------------------------


def test_each_operator_is_charged_to_the_innermost_step() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 6), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.inner(x)
            return torch.relu(y @ y.T)

    trace = capture_model(Net(), rows(3, 4))
    assert macs_by_step(trace) == {("inner.0", "linear"): 3 * 4 * 6, ("", "matmul"): 3 * 6 * 3}
    relus = [step for step in trace.steps if step.name == "relu"]
    assert [[work.operator for work in step.work] for step in relus] == [["aten.relu"]] * 2


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_script_operators_are_charged_to_one_step() -> None:
    script = torch.jit.script(nn.Sequential(nn.Linear(8, 16), nn.ReLU()))
    trace = capture_model(nn.Sequential(script, nn.Linear(16, 2)), rows(3, 8))
    assert macs_by_step(trace) == {
        ("0", "RecursiveScriptModule"): 3 * 8 * 16,
        ("1", "linear"): 3 * 16 * 2,
    }
    assert [step.name for step in trace.steps] == [
        "Sequential", "RecursiveScriptModule", "Linear", "linear",
    ]  # fmt: skip


def test_unrecorded_function_is_charged_to_module() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        torch._assert_async((x @ x).sum() < 1e9)
        return x

    trace = capture_model(Calls(run), rows(3, 3))
    assert cost_of_steps(trace.steps).macs == 3 * 3 * 3
    assert "_assert_async" not in [step.name for step in trace.steps]


def test_inference_mode_counts_decomposed_functions() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        with torch.inference_mode():
            out: Tensor = self.layer(x)
            return out

    model = Calls(run, layer=nn.TransformerEncoderLayer(16, 2, 32, batch_first=True))
    with torch.inference_mode():
        inside = cost(model, rows(2, 5, 16))
    outside = cost(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), rows(2, 5, 16))
    assert inside.macs == outside.macs == 2 * 5 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 2 * 5 * 5 * 16


def test_wrapper_tensor_counts_inner_operators() -> None:
    from torch.utils._python_dispatch import return_and_correct_aliasing
    from torch.utils._pytree import tree_map_only

    class Wrapped(Tensor):
        held: Any

        @staticmethod
        def __new__(cls, inner: Tensor) -> Any:
            made = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
            made.held = inner
            return made

        @classmethod
        def __torch_dispatch__(  # type: ignore[override]
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            plain = tree_map_only(Wrapped, lambda each: each.held, (args, kwargs or {}))
            out = func(*plain[0], **plain[1])
            out = tree_map_only(Tensor, Wrapped, out)
            return return_and_correct_aliasing(func, args, kwargs or {}, out)

    model = Calls(lambda self, x: (Wrapped(x) @ Wrapped(x)).held)
    assert cost(model, rows(3, 3)).macs == 3 * 3 * 3


def test_views_are_free_and_copies_move_bytes() -> None:
    found = cost(lambda x: x.view(2, 6).t()[1:].unsqueeze(0).expand(3, 5, 2), rows(3, 4))
    assert found == netinspect.cost(capture_model(nn.Identity(), rows(3, 4))).record.total
    copied = operators(capture_model(lambda x: x.t().contiguous(), rows(3, 4)))["aten.clone"]
    assert (copied.bytes_read, copied.bytes_written, copied.flops) == (48, 48, 0)


def test_bytes_count_each_operand_and_output_once() -> None:
    work = operators(capture_model(torch.add, rows(3, 4), rows(4)))["aten.add"]
    assert (work.bytes_read, work.bytes_written, work.elements) == ((12 + 4) * 4, 12 * 4, 12)
    # A tensor that is only written to is not read.
    work = operators(capture_model(lambda x: torch.empty(3, 4).copy_(x), rows(4)))["aten.copy_"]
    assert (work.bytes_read, work.bytes_written) == (4 * 4, 12 * 4)


def test_snapshot_copies_are_not_counted() -> None:
    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(5))

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                self.weight.add_(1)
            return x * self.weight

    assert list(operators(capture_model(Writes(), rows(2, 5)))) == ["aten.add_", "aten.mul"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.filterwarnings("ignore")
def test_odd_models_are_unaffected_by_counting(case: Any) -> None:
    trace = case.capture()
    report = netinspect.cost(trace).record
    by_operator = netinspect.cost(trace, by="operator").record
    assert report.total == by_operator.total == cost_of_steps(trace.steps)


# --- what cannot be counted ---------------------------------------------------------------------------


def test_custom_operator_is_uncounted_and_total_is_lower_bound() -> None:
    name = "netinspect_tests::mystery"
    if not hasattr(torch.ops.netinspect_tests, "mystery"):

        @torch.library.custom_op(name, mutates_args=())
        def mystery(x: Tensor) -> Tensor:
            return x @ x

    model = Calls(
        lambda self, x: torch.ops.netinspect_tests.mystery(self.layer(x)), layer=nn.Linear(3, 3)
    )
    trace = capture_model(model, rows(3, 3))
    report = netinspect.cost(trace).record
    assert report.total.macs == 3 * 3 * 3
    assert [(each.operator, each.calls, each.macs) for each in report.uncounted] == [
        ("netinspect_tests.mystery", 1, True)
    ]
    text = netinspect.cost(trace).text(width=100)
    assert "forward: at least 27 MACs" in text
    assert "not counted, MACs: netinspect_tests.mystery (1 call)" in text
    assert ">= 27" in text
    assert "at least 27 MACs" in netinspect.summary(trace).text()


def test_formula_registered_between_traces_is_used() -> None:
    @torch.library.custom_op("netinspect_tests::product", mutates_args=())
    def product(x: Tensor) -> Tensor:
        return x @ x.t()

    def look_once() -> list[int | None]:
        trace = capture_trace(Calls(lambda _, x: product(x)), rows(3, 4))
        return [work.macs for step in trace.steps for work in step.work]

    assert look_once() == [None]

    @register_flop_formula(torch.ops.netinspect_tests.product)
    def flops(shape: Any, *_: Any, **__: Any) -> int:
        rows_, columns = shape
        return 2 * rows_ * rows_ * columns

    try:
        assert look_once() == [36]
    finally:
        del flop_registry[torch.ops.netinspect_tests.product]


def test_linear_algebra_is_uncounted() -> None:
    report = netinspect.cost(capture_model(torch.linalg.svdvals, rows(3, 3))).record
    assert [(each.operator, each.macs) for each in report.uncounted] == [("aten._linalg_svd", True)]


def test_work_in_threads_is_counted() -> None:
    class Parallel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.last = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            with ThreadPoolExecutor(1) as pool:
                (left,) = pool.map(self.left, [x])
            out: Tensor = self.last(left)
            return out

    trace = capture_trace(Parallel(), rows(2, 3))
    assert trace.counted == "yes"
    view = netinspect.cost(trace)
    assert view.record.total.macs == 2 * (2 * 3 * 3)
    assert "a lower bound" not in view.text()


def test_old_saved_trace_reports_missing_costs() -> None:
    from netinspect.records.base import replace

    trace = capture_model(nn.Linear(3, 3), rows(2, 3))
    old = replace(trace, counted="no", steps=tuple(replace(step, work=()) for step in trace.steps))
    with pytest.raises(netinspect.SavedTraceError, match="contains no costs"):
        netinspect.cost(old)
    assert "MACs" not in netinspect.summary(old).text()


# --- backward -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "size", "once", "times"),
    [
        # The first layer needs no gradient of its input: one product; any other needs two.
        (nn.Linear(4, 6), (3, 4), 3 * 4 * 6, 1),
        (nn.Conv2d(8, 8, 3, groups=8, bias=False), (2, 8, 6, 6), 2 * 8 * 4 * 4 * 9, 1),
        (nn.Conv2d(8, 12, 3, groups=4), (1, 8, 10, 10), 12 * 8 * 8 * 2 * 9, 1),
        (nn.ConvTranspose2d(8, 12, 3, groups=4), (1, 8, 5, 5), 8 * 5 * 5 * 3 * 9, 1),
    ],
    ids=["linear", "depthwise", "grouped", "transposed"],
)
def test_linear_backward(model: nn.Module, size: tuple[int, ...], once: int, times: int) -> None:
    assert backward(model, rows(*size)).macs == times * once
    with_scale = nn.Sequential(_Scale(), model)
    assert backward(with_scale, rows(*size)).macs == 2 * once


class _Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def test_attention_backward_is_twice_forward() -> None:
    def attend(self: Any, x: Tensor) -> Tensor:
        x = self.scale(x)
        return F.scaled_dot_product_attention(x, x, x)

    model = Calls(attend, scale=_Scale())
    forward = cost(model, rows(2, 2, 6, 8)).macs
    assert forward == 2 * (2 * 2 * 6 * 6 * 8)
    assert backward(model, rows(2, 2, 6, 8)).macs == 2 * forward


def test_checkpoint_backward_recomputes_forward() -> None:
    def run(self: Any, x: Tensor) -> Any:
        return checkpoint(self.layer, self.scale(x), use_reentrant=False)

    layer = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 5))
    # Recomputation stops when all tensors for backward are available: before the last product.
    again = 3 * 4 * 6
    found = backward(Calls(run, scale=_Scale(), layer=layer), rows(3, 4))
    assert found.macs == 2 * (3 * 4 * 6 + 3 * 6 * 5) + again


# --- against torch's own counter, where that is right --------------------------------------------------


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (rows(2, 5, 16),)),
        (nn.Transformer(16, 2, 1, 1, 32, batch_first=True), (rows(2, 5, 16), rows(2, 3, 16))),
        (nn.MultiheadAttention(16, 2), (rows(5, 2, 16),) * 3),
        (nn.LSTM(4, 6, 2, bidirectional=True), (rows(5, 3, 4),)),
        (nn.GRU(4, 6), (rows(5, 3, 4),)),
        (nn.Conv3d(4, 6, 3, groups=2), (rows(1, 4, 5, 5, 5),)),
        (nn.ConvTranspose1d(4, 6, 3, groups=2), (rows(1, 4, 9),)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_counts_equal_torch_on_meta(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    real = cost(model, *inputs)
    meta = model.to("meta").eval()
    given = [each.to("meta") for each in inputs]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        meta(*given)
    on_meta = cost(meta, *given)
    assert counter.get_total_flops() == on_meta.flops == real.flops
    # Kernels that do it in one give out the same as their parts.
    assert on_meta.activations == real.activations


def test_torch_flop_counter_still_works() -> None:
    with FlopCounterMode(display=False) as counter:
        capture_trace(nn.Linear(4, 6), rows(3, 4), options=TraceRequest())
    assert counter.get_total_flops() == 2 * 3 * 4 * 6
