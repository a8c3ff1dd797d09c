"""Tests that memoised calls give the same trace as calls that are all counted separately."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from netinspect.records.base import replace
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.tracing.recording import recorder
from netinspect.tracing.recording.memoised_calls import Uncounted, key_of
from tests.nets.case import Case, capture_trace, rows
from tests.nets.every import CASES
from tests.tracing.counting.counted import Calls


def both(take: Callable[[], Trace], monkeypatch: pytest.MonkeyPatch) -> tuple[Trace, Trace, int]:
    """Return traces with and without memoised calls, and the number of memoised calls."""
    repeated = 0

    def uncounted() -> Any:
        nonlocal repeated
        repeated += 1
        return Uncounted()

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "Uncounted", uncounted)
        with_them = take()
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "key_of", lambda *_: None)
        without = take()
    return with_them, without, repeated


def same(one: Trace, other: Trace) -> bool:
    return one.steps == other.steps and one.output == other.output and one.failure == other.failure


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "case", [each for each in CASES if each.name != "fx"], ids=lambda case: case.name
)
def test_trace_is_equal_without_memoisation(
    case: Case, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = both(lambda: case.capture(train=training), monkeypatch)
    assert same(one, other)


@pytest.mark.parametrize(
    "case", [each for each in CASES if each.name != "fx"], ids=lambda case: case.name
)
def test_trace_on_meta_is_equal_without_memoisation(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def take() -> Trace:
        try:
            model = case.model().to("meta")
        except (NotImplementedError, RuntimeError, TypeError) as error:  # as some kinds of tensors raise
            pytest.skip(str(error))
        args = [each.to("meta") if isinstance(each, Tensor) else each for each in case.args()]
        return capture_trace(model, *args, **case.kwargs())

    # The first call of an operator passes other lines of torch, which a traceback contains.
    take()
    one, other, _ = both(take, monkeypatch)
    assert same(one, other)


def check(function: Callable[..., Any], *args: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Trace a function with and without memoised calls; return the number of memoised calls."""
    model = Calls(lambda _, *given: function(*given))
    one, other, repeated = both(lambda: capture_trace(model, *args), monkeypatch)
    assert one.failure is None
    assert same(one, other)
    return repeated


def test_equal_calls_are_memoised(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(x: Tensor) -> Tensor:
        w = torch.ones(4, 4)
        for _ in range(3):
            x = F.relu(F.linear(x, w)) + x
        return F.relu(x, inplace=True)

    assert check(twice, rows(3, 4), monkeypatch=monkeypatch) == 6


def test_key_contains_strides_flags_and_number_types(monkeypatch: pytest.MonkeyPatch) -> None:
    def repeated(x: Tensor) -> tuple[Tensor, ...]:
        return (
            x.reshape(12),
            x.t().reshape(12),  # this one copies
            x.contiguous(),
            x.t().t().contiguous(),
            F.dropout(x, 0.5, True),
            F.dropout(x, 0.5, False),
            x + 1,
            x + 1.0,
            x + True,
            x * 0.0,
            x * -0.0,
            x.sum(0),
            x.sum(0, dtype=torch.float64),
            x.double().sum(0),
        )

    assert check(repeated, rows(3, 4), monkeypatch=monkeypatch) == 2  # `t` and `contiguous`


def test_key_contains_default_dtype() -> None:
    def halves(x: Tensor) -> list[Tensor]:
        found = [x / 2]
        torch.set_default_dtype(torch.float64)
        return [*found, x / 2]

    for device in ("cpu", "meta"):
        trace = capture_trace(
            Calls(lambda _, x: halves(x)), torch.ones(2, 3, dtype=torch.int64, device=device)
        )
        assert [each.dtype for each in tensors_in(trace.output)] == ["float32", "float64"]
        assert [step.output.dtype for step in trace.steps[1:]] == ["float32", "float64"]  # type: ignore


def calls_of_linear(device: str) -> int:
    """Return the number of calls of `linear` during a trace of two equal calls."""
    weight, x = torch.ones(4, 4, device=device), torch.ones(3, 4, device=device)
    count = 0

    def counts(_: Any, event: str, function: Any) -> None:
        nonlocal count
        count += event == "c_call" and function is F.linear

    model = Calls(lambda _, x: [F.linear(x, weight), F.linear(x, weight)])
    before = sys.getprofile()
    sys.setprofile(counts)
    try:
        capture_trace(model, x)
    finally:
        sys.setprofile(before)
    return count


def test_meta_output_is_not_recomputed() -> None:
    assert calls_of_linear("cpu") == 4
    # A tensor with named dimensions, which older versions of torch have, is not created from its shape.
    assert calls_of_linear("meta") == 3 + hasattr(torch.Tensor, "names")


def test_memoised_output_is_equal() -> None:
    weight, outputs = torch.ones(4, 4, device="meta"), list[Tensor]()

    def layers(x: Tensor) -> None:
        first, second = F.linear(x, weight), F.linear(x, weight)
        outputs.extend((first, second, first.view(2, 6), second.view(2, 6)))
        outputs.extend((first.add_(1), second.add_(1), F.relu(x), F.relu(x)))

    x = torch.ones(4, 3, device="meta").t()
    capture_trace(Calls(lambda _, x: layers(x)), x)
    first, second, _, viewed, _, added, _, activated = outputs
    assert first is not second
    assert first.untyped_storage()._cdata != second.untyped_storage()._cdata
    assert viewed._base is second
    assert added is second
    assert activated.stride() == F.relu(x).stride() == (1, 3)


def test_one_element_tensor_is_not_memoised(monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(x: Tensor, *numbers: Any) -> list[Tensor]:
        return [x[:1].expand(number, 4) for number in numbers]

    numbers = [torch.tensor(3), torch.tensor(2)]
    assert check(sizes, rows(3, 4), *numbers, monkeypatch=monkeypatch) == 0


def test_active_modes_prevent_memoisation(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.ones(4, 4)

    class Doubled(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            return result + result if func is torch.ops.aten.mm.default else result

    def surrounded(x: Tensor) -> list[Tensor]:
        found = [F.linear(x, weight)]
        with torch.autocast("cpu", torch.bfloat16):
            found += [F.linear(x, weight), F.linear(x, weight)]
        with torch.inference_mode():
            found += [F.linear(x, weight), F.linear(x, weight)]
        with torch.enable_grad():
            found += [F.linear(x, weight), F.linear(x, weight)]
        with Doubled():
            found += [F.linear(x, weight), F.linear(x, weight)]
        found += [torch.vmap(lambda row: F.linear(row, weight))(x) for _ in range(2)]
        return found

    assert check(surrounded, rows(3, 4), monkeypatch=monkeypatch) == 0


def test_tensor_subclass_is_not_memoised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(torch.Tensor):
        pass

    def mixed(x: Tensor) -> list[Tensor]:
        own = x.as_subclass(Own)
        return [F.relu(own), F.relu(own)]

    assert check(mixed, rows(3, 4), monkeypatch=monkeypatch) == 0


def test_failing_equal_call_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.ones(4, 4)

    def looks_up(good: Tensor, bad: Tensor) -> Tensor:
        return F.embedding(good, weight) + F.embedding(bad, weight)

    model = Calls(lambda _, *given: looks_up(*given))
    one, other, repeated = both(
        lambda: capture_trace(model, torch.tensor([1, 2]), torch.tensor([1, 9])), monkeypatch
    )
    assert repeated == 1
    assert one.failure is not None
    assert one.failure.step == 2
    assert replace(one.steps[2], work=()) == other.steps[2]


@pytest.mark.parametrize("function", [torch.nonzero, torch.masked_select, torch.where, torch.unique])
def test_functions_that_read_values_are_not_memoised(function: Any) -> None:
    with torch.no_grad():
        assert key_of(function, (torch.ones(3, 4),), {}, []) is None


def test_user_functions_are_not_memoised(monkeypatch: pytest.MonkeyPatch) -> None:
    def relu(x: Tensor) -> Tensor:
        if torch.overrides.has_torch_function((x,)):
            result: Tensor = torch.overrides.handle_torch_function(relu, (x,), x)
            return result
        return torch.relu(x) if x.sum() > 0 else -x

    def calls(x: Tensor) -> list[Tensor]:
        return [relu(x), relu(-x)]

    assert check(calls, rows(3, 4).abs(), monkeypatch=monkeypatch) == 0


def test_equal_layers_share_counts() -> None:
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)))
    linears = [step for step in capture_trace(model, rows(3, 4)).steps if step.name == "linear"]
    assert [step.work[0].macs for step in linears] == [48, 48, 48]
    assert [step.parameters for step in linears] == [
        (f"{index}.weight", f"{index}.bias") for index in range(3)
    ]


def test_conjugate_view_is_not_memoised(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(x: Tensor) -> Tensor:
        return x * x + x.conj() * x

    check(run, torch.complex(rows(3, 3), rows(3, 3)), monkeypatch=monkeypatch)


def test_attention_kernel_is_part_of_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def run(x: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            parts = F.scaled_dot_product_attention(x, x, x)
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return parts + F.scaled_dot_product_attention(x, x, x)

    check(run, rows(2, 2, 6, 8), monkeypatch=monkeypatch)


def test_self_attention_and_equal_cross_attention_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    inputs = rows(2, 5, 8), rows(2, 5, 8)
    one, other, _ = both(lambda: capture_trace(model, *inputs), monkeypatch)
    assert one.failure is None
    assert same(one, other)
