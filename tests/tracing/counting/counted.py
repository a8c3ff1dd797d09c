"""Helpers that trace a model or function and return its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from netinspect.analysis.operator_counts import cost_of, cost_of_steps
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from netinspect.records.work import Cost, Work
from tests.nets.case import capture_trace


class Calls(nn.Module):
    """Module that runs one function."""

    def __init__(self, function: Callable[..., Any], **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def capture_model(model: nn.Module | Callable[..., Any], *args: Any, **options: Any) -> Trace:
    """Capture a model or function."""
    if not isinstance(model, nn.Module):
        function = model
        model = Calls(lambda _, *given: function(*given))
    trace = capture_trace(model, *args, options=TraceRequest(**options))
    assert trace.failure is None, trace.failure
    assert trace.counted == "yes"
    return trace


def cost(model: nn.Module | Callable[..., Any], *args: Any, **options: Any) -> Cost:
    """Return the cost of forward."""
    return cost_of_steps(capture_model(model, *args, **options).steps)


def backward(model: nn.Module | Callable[..., Any], *args: Any) -> Cost:
    """Return the cost of backward."""
    trace = capture_model(model, *args, backward=True)
    assert trace.backward is not None
    return cost_of(trace.backward.work)


def operators(trace: Trace) -> dict[str, Work]:
    """Return the work of a trace by operator; each operator must be in one step only."""
    found: dict[str, Work] = {}
    for step in trace.steps:
        for work in step.work:
            assert work.operator not in found, work.operator
            found[work.operator] = work
    return found
