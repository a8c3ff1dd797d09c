"""Tests of the search budget: a search ends by what it ran, not by how long it took."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.inputs import budget
from netinspect.inputs.budget import Budget
from netinspect.records.trace import Trace
from netinspect.runner.run_options import RunOptions
from netinspect.runner.trace_target import trace_target
from netinspect.targets.model_factory import find_factory
from netinspect.targets.target import parse_target


class Never(nn.Module):
    """Fails on every input; each failure suggests other inputs."""

    def __init__(self, loops: int = 0) -> None:
        super().__init__()
        self.loops = loops
        self.first = nn.Linear(10, 20)
        self.second = nn.Linear(30, 5)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.loops):
            x = x + 1
        first: Any = self._modules["first"]  # the code does not tell which layer this is
        return self.second(first(x).flatten())  # multiples of 20, never 30


class Endless(nn.Module):
    """Fails on the first guess; runs forever on other inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 20)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape == (1, 10):
            raise ValueError("unsupported shape")
        while True:
            x = x + 1


def stop_notes(trace: Trace) -> list[str]:
    return [each for each in trace.warnings if "the search for inputs was stopped" in each]


def set_clock_step(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    """Advance the clock by `step` seconds with each reading."""
    ticks = itertools.count()
    monkeypatch.setattr("netinspect.inputs.budget.monotonic", lambda: step * next(ticks))


def test_budget_unspent_has_no_note() -> None:
    trace = netinspect.load(Never())
    assert trace.failure is not None
    assert not stop_notes(trace)
    assert not trace.out_of_time


def test_budget_independent_of_machine_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = netinspect.load(Never())
    set_clock_step(monkeypatch, budget.SECONDS / (4 * len(quick.attempts)))
    slow = netinspect.load(Never())
    assert slow.attempts == quick.attempts
    assert slow.failure == quick.failure
    assert slow.warnings == quick.warnings


def test_budget_limit_of_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "TRIES", 3)
    trace = netinspect.load(Never())
    assert len(trace.attempts) == 3
    assert stop_notes(trace) == ["the search for inputs was stopped after 3 tries"]
    assert not trace.out_of_time


@pytest.mark.parametrize(
    ("limit", "unit", "most"),
    [("OPERATORS", "operators", 700), ("MACS", "MACs", 500), ("BYTES", "bytes", 9_000)],
)
def test_budget_limit_of_operators_macs_and_bytes(
    monkeypatch: pytest.MonkeyPatch, limit: str, unit: str, most: int
) -> None:
    monkeypatch.setattr(budget, limit, most)
    trace = netinspect.load(Never(loops=50))
    assert 1 < len(trace.attempts) < 8
    assert stop_notes(trace) == [f"the search for inputs was stopped after {most:,} {unit}"]


def test_budget_meta_tensors_cost_no_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MACS", 1)
    monkeypatch.setattr(budget, "BYTES", 1)
    with torch.device("meta"):
        model = Never()
    assert not stop_notes(netinspect.load(model))
    assert stop_notes(netinspect.load(Never()))


def test_budget_ends_endless_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "OPERATORS", 500)
    trace = netinspect.load(Endless())
    assert trace.failure is not None
    assert len(trace.steps) <= 500
    assert stop_notes(trace) == ["the search for inputs was stopped after 500 operators"]


def test_budget_time_limit_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock_step(monkeypatch, budget.SECONDS / 2.5)
    trace = netinspect.load(Never())
    assert trace.out_of_time
    (note,) = stop_notes(trace)
    assert note.startswith(
        f"the search for inputs was stopped after {budget.SECONDS:.0f} s: time was up"
    )
    diagnosis = netinspect.summary(trace).record.header.failure
    assert diagnosis is not None
    assert any("attempts passed before the time limit" in each for each in diagnosis.remedies)


def test_budget_is_shared_by_tensor_modes() -> None:
    shared = Budget()
    target = parse_target("tests.nets.valued:Inverts")
    trace = trace_target(find_factory(target, {}), RunOptions(budget=shared))
    assert trace.failure is None
    assert trace.tensor_mode == "real"
    assert len(trace.attempts) == 1
    assert shared.tries == 2


def test_budget_limits_search_for_passing_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes() -> tuple[str, ...]:
        trace = netinspect.load("tests.nets.inference:LeNet", inputs=["1x1x36x36"])
        assert trace.failure is not None
        return trace.failure.working_inputs

    assert sizes()
    monkeypatch.setattr(budget, "OPERATORS", 10)
    assert not sizes()


def test_budget_share_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "OPERATORS", 100)
    spent = Budget(operators=10)
    assert not spent.allows_run(0.1)
    assert spent.allows_run()
    assert spent.stopped == "stopped after 10 operators"


def test_budget_work_on_kernels_goes_on_on_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = netinspect.load("lenet")
    assert usual.tensor_mode == "real"  # it has no large weights
    monkeypatch.setattr(budget, "KERNEL_WORK", 300_000)
    trace = netinspect.load("lenet")
    assert trace.tensor_mode == "meta"
    assert trace.failure is None
    assert [step.name for step in trace.steps] == [step.name for step in usual.steps]
    assert [each.spec for each in trace.inputs] == [each.spec for each in usual.inputs]
    assert not trace.warnings
    given = netinspect.load("lenet", inputs="3x1x28x28")
    assert (given.tensor_mode, given.failure) == ("meta", None)


def test_budget_work_on_kernels_is_unlimited_where_values_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "KERNEL_WORK", 1)
    trace = netinspect.load("tests.nets.valued:Item")
    assert trace.failure is None
    assert trace.tensor_mode in ("real", "zeros")
    assert netinspect.load("lenet", stats=True).tensor_mode == "real"
    assert netinspect.load("lenet", tensors="zeros").tensor_mode == "real"
    assert netinspect.load(Never()).tensor_mode == "real"


class Stubborn(nn.Module):
    """Handles all exceptions, and goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 20)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape == (1, 10):
            raise ValueError("expected 2 dimensions of at least 11")
        while True:
            try:
                x = x + 1
            except Exception:
                x = x - 1


def test_budget_time_limit_ends_a_run_between_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock_step(monkeypatch, budget.SECONDS / 400)
    trace = netinspect.load(Stubborn())
    assert trace.out_of_time
    assert trace.failure is not None
    assert trace.failure.type == "ValueError"
    assert len(trace.attempts) == 2
