"""Tests of a failing forward: the trace ends with the failed step, module and source line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netinspect.records.steps import Failure
from netinspect.records.trace import Trace
from tests.nets import failing
from tests.nets.case import capture_trace, rows
from tests.tracing.invariants import check_steps


def failure_of(trace: Trace) -> Failure:
    check_steps(trace)
    assert trace.output is None
    assert trace.failure is not None
    return trace.failure


def place_of(failure: Failure) -> str:
    assert failure.place is not None
    assert failure.place.file == failing.__file__
    return failure.place.text


def test_failure_in_nested_function() -> None:
    trace = capture_trace(failing.Wrong(), rows(2, 3))
    failure = failure_of(trace)
    assert failure.step is not None
    step = trace.steps[failure.step]
    assert (step.name, step.module, failure.module) == ("linear", "body.1.0", "body.1.0")
    assert failure.type == "RuntimeError"
    assert "shapes cannot be multiplied" in failure.message
    assert place_of(failure) == "out: Tensor = self.body(self.first(x))"
    failed = [each.module for each in trace.steps if each.failed]
    assert failed == ["", "body", "body.1", "body.1.0", "body.1.0"]
    # The steps before it are recorded.
    assert [each.module for each in trace.steps if each.output is not None] == [
        *("first", "first", "body.0", "body.0")
    ]


@pytest.mark.parametrize(
    ("act", "type_name", "message", "line"),
    [
        (failing.divide, "ZeroDivisionError", "division by zero", "return 1 / 0"),
        (failing.look_up, "KeyError", "'b'", 'return {"a": x}["b"]'),
        (failing.parse, "JSONDecodeError", "Expecting", 'return json.loads("{")'),
        (failing.leave, "SystemExit", "3", "raise SystemExit(3)"),
        (failing.silent, "AssertionError", "AssertionError", "raise AssertionError"),
        (
            failing.translate,
            "ValueError",
            "sizes do not fit",
            'raise ValueError("sizes do not fit") from error',
        ),
        (failing.recover_then_divide, "ZeroDivisionError", "division by zero", "return 1 / 0"),
        (failing.recurse, "RecursionError", "maximum recursion depth", "return recurse(x)"),
    ],
)
def test_failure_in_plain_python(
    act: Callable[[Tensor], Any], type_name: str, message: str, line: str
) -> None:
    trace = capture_trace(failing.Plain(act), rows(2, 3))
    failure = failure_of(trace)
    assert (failure.type, failure.module) == (type_name, "child")
    # It points to the call of the module whose code it was.
    assert failure.step is not None
    step = trace.steps[failure.step]
    assert (step.kind, step.module) == ("module", "child")
    assert failure.message.startswith(message)
    assert place_of(failure) == line
    assert [step.module for step in trace.steps if step.kind == "module" and step.failed] == [
        "",
        "child",
    ]
    # A step whose error was converted into the failure also failed; one whose error was caught did not.
    failed = [step.name for step in trace.steps if step.kind == "function" and step.failed]
    assert failed == (["matmul"] if act is failing.translate else [])


def test_failure_in_user_function() -> None:
    trace = capture_trace(failing.Plain(failing.multiply), rows(2, 3))
    failure = failure_of(trace)
    assert failure.step == trace.steps[-1].index
    assert (trace.steps[-1].name, failure.module) == ("matmul", "child")
    assert place_of(failure) == "return x @ torch.zeros(7, 7)"


@pytest.mark.parametrize("when", ["pre-hook", "hook", "global"])
def test_failure_in_hook(when: str) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def hook(*_: Any) -> None:
        failing.divide(torch.zeros(1))

    if when == "pre-hook":
        handle = model[1].register_forward_pre_hook(hook)
    elif when == "hook":
        handle = model[1].register_forward_hook(hook)
    else:
        handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        trace = capture_trace(model, rows(2, 3))
    finally:
        handle.remove()
    failure = failure_of(trace)
    assert failure.module == ("0" if when == "global" else "1")
    assert failure.step is not None
    assert trace.steps[failure.step].module == failure.module
    assert place_of(failure) == "return 1 / 0"


def test_failure_with_too_many_arguments() -> None:
    trace = capture_trace(nn.Linear(3, 3), rows(2, 3), rows(2, 3))
    failure = failure_of(trace)
    assert (failure.type, failure.step, failure.module, failure.place) == ("TypeError", 0, "", None)


def test_train_that_raises_is_a_failure() -> None:
    class Refusing(nn.Linear):
        def train(self, mode: bool = True) -> Refusing:
            raise ValueError("not this one")

    trace = capture_trace(Refusing(3, 3), rows(2, 3))
    assert trace.steps == ()
    assert trace.failure is not None
    assert trace.failure.message == "not this one"
    assert trace.parameters
