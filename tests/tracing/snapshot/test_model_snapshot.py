"""Tests that ModelSnapshot restores the model, its inputs and the process after a trace."""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from netinspect.api import load
from netinspect.records.request import TraceRequest
from netinspect.tracing.snapshot.model_snapshot import set_default_device
from tests.nets import every, mutating
from tests.nets.case import Case, capture_trace, rows
from tests.tracing.counting.counted import Calls
from tests.tracing.process_snapshot import snapshot
from tests.tracing.snapshot.leftovers import OPTIONS

# The state_dict() of a module that contains itself never ends, so a snapshot is impossible.
PICTURED = [case for case in every.CASES if case.name != "circular"]


@pytest.fixture(autouse=True)
def own_process_state() -> Iterator[None]:
    """Restore the state of the process after each test."""
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state()
    yield
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    numpy.random.set_state(states[2])
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    set_default_device(None)


def test_default_device_is_readable_after_a_trace() -> None:
    def forward(_: nn.Module, x: Tensor) -> Tensor:
        torch.set_default_device("meta")
        return x

    assert capture_trace(Calls(forward), rows(2)).failure is None
    assert torch.get_default_device() == torch.device("cpu")


def assert_untouched(before: dict[str, Any], after: dict[str, Any]) -> None:
    for key, value in before.items():
        assert after[key] == value, key


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("act", mutating.ACTS)
def test_forward_side_effects_are_restored(act: str, options: TraceRequest) -> None:
    case = mutating.everything(act)
    model, args = case.model(), case.args()
    model.get_submodule("dropout").eval()  # modes are mixed
    before = snapshot(model, args)
    trace = capture_trace(model, *args, options=options)
    assert trace.failure is None or trace.failure.phase == "backward"
    # One act hands a weight to NumPy, and some register others, which is reported.
    expected_notes = ("values left torch", "forward made: ", "forward replaced: ", "forward removed: ")
    assert [note for note in trace.warnings if not note.startswith(expected_notes)] == []
    assert_untouched(before, snapshot(model, args))


@pytest.mark.parametrize("act", mutating.ACTS)
def test_forward_side_effects_exist_without_restore(act: str) -> None:
    case = mutating.everything(act)
    model, args = case.model(), case.args()
    before = snapshot(model, args)
    with torch.no_grad():
        model(*args)
    assert snapshot(model, args) != before


@pytest.mark.parametrize("act", mutating.ACTS)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_state_is_restored_after_forward_raises(act: str, error: type[BaseException]) -> None:
    def act_and_raise(net: mutating.Everything, x: Tensor) -> None:
        mutating.ACTS[act](net, x)
        raise error("on purpose")

    model, args = mutating.Everything(act_and_raise), (rows(4, 3),)
    before = snapshot(model, args)
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            capture_trace(model, *args)
    else:
        failure = capture_trace(model, *args).failure
        assert failure is not None
        assert failure.type == error.__name__
    assert_untouched(before, snapshot(model, args))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("case", PICTURED, ids=lambda case: case.name)
def test_odd_models_are_restored(case: Case, options: TraceRequest) -> None:
    model, args, kwargs = case.model(), case.args(), case.kwargs()
    before = snapshot(model, args, kwargs)
    capture_trace(model, *args, options=options, **kwargs)
    assert_untouched(before, snapshot(model, args, kwargs))


class _Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError("backward on purpose")


class FailsBackward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.linear.weight.grad = torch.ones(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = _Failing.apply(self.linear(x))
        return out


def test_state_is_restored_after_backward_raises() -> None:
    model = FailsBackward()
    before = snapshot(model)
    trace = capture_trace(model, rows(4, 3), options=TraceRequest(backward=True))
    assert trace.failure is not None
    assert (trace.failure.phase, trace.failure.message) == ("backward", "backward on purpose")
    assert trace.failure.place is not None
    assert trace.failure.place.text == 'raise RuntimeError("backward on purpose")'
    assert trace.output is not None
    assert_untouched(before, snapshot(model))


@pytest.mark.parametrize("training", [False, True])
def test_overridden_train_is_called_and_restored(training: bool) -> None:
    model = mutating.Stubborn()
    model.norm.track_running_stats = True
    before = snapshot(model)
    trace = capture_trace(model, rows(4, 3), options=TraceRequest(train=training))
    assert trace.failure is None
    assert model.switches == 0
    assert_untouched(before, snapshot(model))


def test_lazy_layers_stay_lazy_and_have_shapes() -> None:
    model = mutating.Lazy()
    before = snapshot(model)
    trace = capture_trace(model, rows(4, 3), options=TraceRequest(values=True, stats=True))
    assert trace.failure is None
    assert trace.warnings == (
        "lazy layers were initialized from this input for the trace; the model itself stays lazy",
    )
    assert {entry.name: entry.spec.shape for entry in trace.parameters}["linear.weight"] == (4, 3)
    assert_untouched(before, snapshot(model))
    assert type(model.linear) is nn.LazyLinear
    assert model(rows(2, 5)).shape == (2, 4)
    assert capture_trace(mutating.Lazy(), rows(1, 1)).failure is None


def test_layer_copied_in_forward_is_not_the_original() -> None:
    model = mutating.Cloning()
    before = snapshot(model)
    trace = capture_trace(model, rows(4, 3))
    assert [step.module for step in trace.steps if step.kind == "module"] == ["", "linear"]
    assert_untouched(before, snapshot(model))


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_user_hooks_run_once_with_original_inputs() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    heard: list[str] = []
    model[0].register_forward_pre_hook(lambda *_: heard.append("pre"))
    model[0].register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    model[0].register_forward_hook(lambda *_: heard.append("post"))
    model[0].register_forward_hook(lambda _, __, output: output[:1])
    model[0].register_full_backward_hook(lambda *_: heard.append("backward"))
    before = snapshot(model)
    trace = capture_trace(model, rows(4, 3), options=TraceRequest(backward=True))
    assert heard == ["pre", "post", "backward"]
    (linear,) = [step for step in trace.steps if step.module == "0" and step.kind == "module"]
    assert linear.output is not None
    assert linear.output.shape == (1, 3)  # type: ignore[union-attr]
    assert_untouched(before, snapshot(model))


def test_existing_graph_can_be_differentiated_after_trace() -> None:
    model = mutating.Everything(mutating.ACTS["parameters in place"]).eval()
    loss = model.linear(rows(4, 3)).square().sum()
    capture_trace(model, rows(4, 3))
    loss.backward()
    assert model.linear.bias.grad is not None


def test_inference_mode_tensors_are_restored() -> None:
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        before = snapshot(model)
        assert capture_trace(model, rows(4, 3)).failure is None
        assert_untouched(before, snapshot(model))
    before = snapshot(model)
    trace = capture_trace(model, rows(4, 3), options=TraceRequest(train=True))
    assert trace.ran
    assert_untouched(before, snapshot(model))


def test_unobservable_write_is_noted() -> None:
    class Swapping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            unseen = torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch()
            with torch.no_grad(), unseen[0], unseen[1]:
                self.linear.weight.mul_(2)
            out: Tensor = self.linear(x)
            return out

    (warning,) = capture_trace(Swapping(), rows(4, 3)).warnings
    assert warning == (
        "forward wrote to linear.weight in a way that cannot be observed; its old values are lost"
    )


@pytest.fixture(scope="module")
def leftovers() -> dict[str, dict[str, int]]:
    """What traces leave, measured in a process without objects of other tests."""
    command = [sys.executable, "-m", "tests.tracing.snapshot.leftovers"]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("ends", ["runs", "fails"])
@pytest.mark.parametrize("name", OPTIONS)
def test_trace_leaves_no_reference_cycles(
    leftovers: dict[str, dict[str, int]], name: str, ends: str
) -> None:
    expected = {"alive": 0, "cycles": 0, "failed": int(ends == "fails")}
    assert leftovers[f"{name} {ends}"] == expected


class _Asks(torch.autograd.Function):
    """Function that records whether the collector is enabled, forward and backward."""

    asked: list[bool]

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        _Asks.asked.append(gc.isenabled())
        return x.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        _Asks.asked.append(gc.isenabled())
        return gradients[0]


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("columns", [3, 4], ids=["runs", "fails"])
def test_garbage_collector_state_for_user_code(columns: int, is_on: bool) -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        result: Tensor = _Asks.apply(model.linear(x))
        return result

    was_on = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        _Asks.asked = []
        capture_trace(
            Calls(forward, linear=nn.Linear(3, 3)),
            rows(4, columns),
            options=TraceRequest(backward=True),
        )
        assert _Asks.asked == ([is_on, is_on] if columns == 3 else [])
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()


def test_garbage_collector_is_off_while_recording() -> None:
    model, begun = (
        Calls(lambda model, x: x, layers=nn.Sequential(*map(nn.Linear, [3] * 200, [3] * 200))),
        [],
    )

    def note(phase: str, _: dict[str, int]) -> None:
        begun.append(phase)

    capture_trace(model, rows(4, 3))
    threshold = gc.get_threshold()
    gc.set_threshold(100, 10, 10)
    gc.callbacks.append(note)
    try:
        capture_trace(model, rows(4, 3))
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*threshold)
    assert begun.count("start") < 10  # of the fifty that there would be


@pytest.mark.slow
@pytest.mark.parametrize("target", ["lenet", "resnet18", "shared_layer", "lstm_tagger"])
def test_trace_of_target_restores_process(target: str) -> None:
    bystander = nn.Linear(1, 1)
    before = snapshot(bystander)
    load(target, train=True, backward=True, values=True, stats=True, code=True)
    assert_untouched(before, snapshot(bystander))


def test_static_trace_calls_no_user_code() -> None:
    model = mutating.everything("attributes").model()
    before = snapshot(model)
    trace = load(model, run=False, values=True, stats=True, code=True)
    assert not trace.ran
    assert_untouched(before, snapshot(model))
