"""Tests of layers, parameters and buffers that forward registers, replaces or removes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.analysis.unregistered import notes_of
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from netinspect.reports.summary.compute import build_summary
from tests.nets.case import capture_trace, rows
from tests.tracing.invariants import check_steps
from tests.tracing.process_snapshot import snapshot


class Does(nn.Module):
    """Module that runs a function in forward, with given attributes."""

    def __init__(self, function: Any, **held: Any) -> None:
        super().__init__()
        self.function = function
        for name, each in held.items():
            setattr(self, name, each)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def in_none(self: Any, x: Tensor) -> Any:
    if self.fc is None:
        self.fc = nn.Linear(x.size(1), 5)
    return self.fc(x)


def in_dictionary(self: Any, x: Tensor) -> Any:
    self.heads["wide"] = nn.Linear(x.size(1), 5)
    return self.heads["wide"](x)


def in_a_child(self: Any, x: Tensor) -> Any:
    self.body.late = nn.Linear(x.size(1), 5)
    return self.body(x)


def by_name(self: Any, x: Tensor) -> Any:
    self.add_module("fc", nn.Sequential(nn.Linear(x.size(1), 5), nn.ReLU()))
    return self.fc(input=x)


def registered_after_the_call(self: Any, x: Tensor) -> Any:
    layer = nn.Linear(x.size(1), 5)
    y = layer(x)
    self.fc = layer
    return y


def removed_again(self: Any, x: Tensor) -> Any:
    self.fc = nn.Linear(x.size(1), 5)
    y = self.fc(x)
    del self.fc
    return y


def in_place_of_another(self: Any, x: Tensor) -> Any:
    self.fc = nn.Linear(x.size(1), 5)
    return self.fc(x)


def other_weights(self: Any, x: Tensor) -> Any:
    self.fc.weight = nn.Parameter(torch.ones(5, x.size(1)))
    return self.fc(x)


def past_the_hooks(self: Any, x: Tensor) -> Any:
    self._modules["fc"] = nn.Linear(x.size(1), 5)
    return self.fc(x)


def inserted(self: Any, x: Tensor) -> Any:
    self.body.insert(0, nn.Linear(x.size(1), 5))
    return self.body[0](x)


MADE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "in None": (in_none, {"fc": None}, "forward made: fc (Linear)"),
    "in a dictionary": (in_dictionary, {"heads": nn.ModuleDict()}, "forward made: heads.wide (Linear)"),
    "in a child": (in_a_child, {"body": nn.Sequential()}, "forward made: body.late (Linear)"),
    "by name": (by_name, {}, "forward made: fc (Sequential)"),
    "after the call": (registered_after_the_call, {"fc": None}, "forward made: fc (Linear)"),
    "past the hooks": (past_the_hooks, {}, "forward made: fc (Linear)"),
    "inserted": (inserted, {"body": nn.ModuleList()}, "forward made: body.0 (Linear)"),
    "removed again": (removed_again, {}, "forward made: fc (Linear)"),
    "replaced": (in_place_of_another, {"fc": nn.Linear(3, 2)}, "forward replaced: fc (Linear)"),
    "weights": (
        other_weights,
        {"fc": nn.Linear(3, 5)},
        "forward replaced: fc.weight (parameter of 5x6, was 5x3)",
    ),
}


def total_macs(trace: Trace) -> int:
    return build_summary(trace).cost.macs


@pytest.mark.parametrize("name", MADE)
def test_layers_created_in_forward_are_counted(name: str) -> None:
    function, held, note = MADE[name]
    model = Does(function, **held)
    before = snapshot(model)
    trace = capture_trace(model, rows(2, 6), options=TraceRequest(stats=True))
    check_steps(trace)
    assert trace.failure is None
    assert build_summary(trace).totals.parameters == 6 * 5 + 5
    assert total_macs(trace) == 2 * 6 * 5
    summary = build_summary(trace)
    assert summary.totals.parameters == sum(row.own_parameters for row in summary.rows) == 35
    assert summary.never_called == ()
    assert [each for each in trace.warnings if each.startswith(note)]
    assert "Linear" in netinspect.tree(trace).text()
    assert snapshot(model) == before


def test_tensors_created_in_forward_are_counted() -> None:
    def run(self: Any, x: Tensor) -> Any:
        self.scale = nn.Parameter(torch.ones(6))
        self.register_buffer("mask", torch.ones(2, 1))
        self.extra.append(nn.Parameter(torch.ones(6, 4)))
        return (x * self.scale * self.mask) @ self.extra[0]

    trace = capture_trace(
        Does(run, extra=nn.ParameterList()), rows(2, 6), options=TraceRequest(backward=True)
    )
    check_steps(trace)
    totals = build_summary(trace).totals
    assert (totals.parameters, totals.buffers) == (6 + 24, 2)
    assert {each.name for each in trace.changes} == {"scale", "mask", "extra.0"}
    assert build_summary(trace).never_called == ()
    assert all(each.gradient is not None for each in trace.parameters)


def test_removed_layer_counts_only_if_called() -> None:
    def run(self: Any, x: Tensor) -> Any:
        y = self.used(x)
        del self.used
        del self.unused
        return self.last(y)

    layers = {name: nn.Linear(6, 6) for name in ("used", "unused", "last")}
    model = Does(run, **layers)
    trace = capture_trace(model, rows(2, 6))
    check_steps(trace)
    assert [row.path for row in build_summary(trace).rows] == ["", "last", "used"]
    assert build_summary(trace).totals.parameters == 2 * 42
    assert any(note.startswith("forward removed: used (Linear), unused") for note in trace.warnings)
    assert list(model._modules) == ["used", "unused", "last"]


def test_layers_fused_in_forward_count_as_fused() -> None:
    def run(self: Any, x: Tensor) -> Any:
        fused = nn.Linear(6, 6)
        fused.weight.data = self.one.weight + self.two.weight
        self.fused = fused
        del self.one, self.two
        return self.fused(x)

    trace = capture_trace(Does(run, one=nn.Linear(6, 6), two=nn.Linear(6, 6)), rows(2, 6))
    check_steps(trace)
    assert build_summary(trace).totals.parameters == 42


def test_running_statistics_are_not_a_change() -> None:
    def run(self: Any, x: Tensor) -> Any:
        self.mean = 0.9 * self.mean + x.mean(0)
        return self.fc(x)

    model = Does(run, fc=nn.Linear(6, 6))
    model.register_buffer("mean", torch.zeros(6))
    trace = capture_trace(model, rows(2, 6))
    assert (trace.changes, trace.warnings) == ((), ())


def test_layer_recreated_in_loop_has_one_row() -> None:
    def run(self: Any, x: Tensor) -> Any:
        for _ in range(3):
            self.step = nn.Linear(6, 6)
            x = self.step(x)
        return x

    trace = capture_trace(Does(run), rows(2, 6))
    check_steps(trace)
    assert [(row.path, row.calls) for row in build_summary(trace).rows] == [("", 1), ("step", 3)]
    assert total_macs(trace) == 3 * 2 * 36


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy])
def test_layer_copied_in_forward_is_called_once(copied: Any) -> None:
    made: list[nn.Module] = []

    def run(self: Any, x: Tensor) -> Any:
        self.other = copied(self.fc)
        made.append(self.other)
        return self.other(self.fc(x))

    model = Does(run, fc=nn.Linear(6, 6))
    trace = capture_trace(model, rows(2, 6))
    check_steps(trace)
    calls = [(row.path, row.calls) for row in build_summary(trace).rows]
    assert calls == [("", 1), ("fc", 1), ("other", 1)]
    assert total_macs(trace) == 2 * 2 * 36
    for module in (*model.children(), *made):
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._forward_pre_hooks_with_kwargs
        assert not module._forward_hooks_always_called


def deleted(self: Any, x: Tensor) -> Any:
    x = self.layers[0](x)
    del self.layers[0]
    return self.layers[0](x)


def put_first(self: Any, x: Tensor) -> Any:
    self.layers.insert(0, nn.Linear(6, 6))
    for layer in self.layers:
        x = layer(x)
    return x


@pytest.mark.parametrize(
    ("run", "calls"),
    [(deleted, {"layers.0": 2}), (put_first, {"layers.0": 1, "layers.1": 1, "layers.2": 1})],
)
def test_layers_moved_in_forward_have_new_paths(run: Any, calls: Any) -> None:
    layers = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 2)])
    trace = capture_trace(Does(run, layers=layers), rows(2, 6))
    check_steps(trace)
    summary = build_summary(trace)
    assert {row.path: row.calls for row in summary.rows if row.calls and row.path} == calls
    assert summary.never_called == ()
    plain = Does(run, layers=nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 2)]))
    plain(rows(2, 6))
    assert summary.totals.parameters == sum(each.numel() for each in plain.parameters())
    names = {each.name for each in trace.parameters}
    assert all(set(step.parameters) <= names for step in trace.steps)


def test_unregistered_layer_created_in_forward_is_noted() -> None:
    def run(self: Any, x: Tensor) -> Any:
        self.layers.append(nn.Linear(6, 6))
        return nn.ReLU()(nn.Bilinear(6, 6, 2)(self.layers[0](x), x))

    trace = capture_trace(Does(run, layers=[]), rows(2, 6))
    assert trace.warnings == ()
    assert notes_of(trace) == (
        "1 Linear module was called but is not registered (layers.0): model.parameters() misses it, so "
        "it will not be trained or saved; use nn.ModuleList",
        "modules that no module holds were called (Bilinear; made in forward?): model.parameters() "
        "misses them, so they will not be trained or saved",
    )
    assert build_summary(trace).totals.parameters == 0


def test_layer_registered_in_forward_is_recorded() -> None:
    def run(self: Any, x: Tensor) -> Any:
        self.fc = self.layers[0]
        return self.fc(x)

    trace = capture_trace(Does(run, layers=[nn.Linear(6, 6)]), rows(2, 6))
    (note,) = trace.warnings
    assert note.startswith("forward made: fc (Linear)")


def test_removed_layers_have_gradients() -> None:
    def run(self: Any, x: Tensor) -> Any:
        while len(self.layers):
            x = self.layers.pop(0)(x)
        return x

    layers = nn.ModuleList([nn.Linear(6, 7), nn.Linear(7, 2)])
    trace = capture_trace(Does(run, layers=layers), rows(2, 6), options=TraceRequest(backward=True))
    assert trace.failure is None
    assert [each.gradient is not None for each in trace.parameters] == [True] * 4


def test_registrations_before_failure_are_recorded() -> None:
    def run(self: Any, x: Tensor) -> Any:
        self.fc = nn.Linear(6, 3)
        return self.fc(x) @ x

    trace = capture_trace(Does(run), rows(2, 6))
    check_steps(trace)
    assert trace.failure is not None
    assert build_summary(trace).totals.parameters == 21


def test_memory_counts_parameters_created_in_forward() -> None:
    found = netinspect.memory(Does(in_none, fc=None), rows(2, 6), allocator="cpu").record
    held = {each.path: each.amounts.parameters for each in found.modules}
    assert held["fc"] >= 4 * 35  # torch rounds up
    assert held[""] == 0


def test_created_layers_have_no_hooks_left() -> None:
    made: list[nn.Module] = []

    def run(self: Any, x: Tensor) -> Any:
        made.append(nn.Linear(6, 6))
        self.fc = made[-1]
        return self.fc(x)

    capture_trace(Does(run), rows(2, 6))
    assert not made[0]._forward_hooks
    assert not made[0]._forward_pre_hooks
    assert not nn.modules.module._global_module_registration_hooks
