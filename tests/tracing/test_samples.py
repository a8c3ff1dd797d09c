"""Tests of the traces of all samples against torch's own hooks, counts and outputs."""

from __future__ import annotations

import pytest

from netinspect.api import load
from netinspect.inputs.choose import choose_inputs
from netinspect.inputs.request import InputRequest
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.targets.samples import sample_names
from netinspect.targets.target import parse_target
from netinspect.tracing.arguments import split
from netinspect.tracing.tensors.describe import describe
from tests.support import build_module
from tests.tracing.invariants import check_steps, own_record, recorded_calls


@pytest.mark.parametrize("name", sample_names())
def test_sample_trace_equals_torch(name: str) -> None:
    trace = load(name)
    assert trace.failure is None
    assert trace.warnings == ()
    check_steps(trace)
    model = build_module(parse_target(name), {}, seed=0)
    args, kwargs = split(choose_inputs(model, InputRequest(), TraceRequest()).arguments)
    calls, output = own_record(model, args, kwargs)
    assert recorded_calls(trace) == calls
    assert trace.output == trace.steps[0].output == describe(output)
    unique = {entry.identity: entry.spec.elements for entry in trace.parameters}
    assert sum(unique.values()) == sum(parameter.numel() for parameter in model.parameters())
    assert [entry.name for entry in trace.parameters] == [
        path for path, _ in model.named_parameters(remove_duplicate=False)
    ]
    # The data flow is recorded from the input to the output without gaps.
    assert all(
        step.producers or step.parameters or step.parent is None or _takes_an_input(step.index, trace)
        for step in trace.steps
        if step.inputs.items and step.kind == "module"
    )


def _takes_an_input(index: int, trace: Trace) -> bool:
    """Return whether a step's first tensor is as one of the model's own inputs."""
    given = {spec.shape for entry in trace.inputs for spec in tensors_in(entry.value)}
    return next(tensors_in(trace.steps[index].inputs)).shape in given
