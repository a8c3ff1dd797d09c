"""Checks of properties of every trace, and of its calls against torch's own hooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from netinspect.records.check import check_references
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.tracing.recording.pending_steps import UNSEEN
from netinspect.tracing.tensors.describe import describe

Calls = dict[str, list[list[tuple[int | str, ...]]]]
"""For each path, the output shapes of each call."""


def check_steps(trace: Trace) -> None:
    """Check the numbers, the nesting and the producers of steps."""
    called: Counter[str] = Counter()
    # It puts sequences into their old order, by what came with them: a step that is not reported.
    unsorts = any(step.name == "pad_packed_sequence" for step in trace.steps)
    paths = {module.path for module in trace.modules if module.alias_of is None}
    for position, step in enumerate(trace.steps):
        assert step.index == position
        assert step.module in paths
        if step.parent is None:
            # Only a hook for every module of the process runs before ours, and so before the root.
            assert not called
            assert (step.module, step.depth) == ("", 0)
        else:
            parent = trace.steps[step.parent]
            assert step.parent < position
            assert parent.kind == "module"
            assert step.depth == parent.depth + 1
            if step.kind == "function":
                assert (step.module, step.call) == (parent.module, parent.call)
        if step.kind == "module":
            called[step.module] += 1
            assert step.call == called[step.module]
        given = {spec.shape for spec in tensors_in(step.inputs)}
        for producer in step.producers:
            assert producer < position
            made = {spec.shape for spec in tensors_in(trace.steps[producer].output)}
            # What is written through one view is read through another of another shape.
            in_place = trace.steps[producer].name[-1:] == "_"
            assert made & given or in_place or unsorts
    check_references(trace)


def own_record(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Calls, Any]:
    """Run a model with plain hooks; return the output shapes of every module call, and the output."""
    calls: Calls = {}
    handles = []
    for path, module in model.named_modules():

        def note(module: nn.Module, args: Any, output: Any, path: str = path) -> None:
            shapes = [spec.shape for spec in tensors_in(describe(output))]
            calls.setdefault(path, []).append(shapes)

        handles.append(module.register_forward_hook(note))
    for module in model.modules():
        module.training = False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        output = model(*args, **kwargs)
    for handle in handles:
        handle.remove()
    return calls, output


def recorded_calls(trace: Trace) -> Calls:
    """Return the output shapes of every module call that returned, from the trace."""
    calls: Calls = {}
    steps = sorted(
        (step for step in trace.steps if step.kind == "module" and step.output not in (None, UNSEEN)),
        key=lambda step: step.index,
    )
    for step in steps:
        calls.setdefault(step.module, []).append([spec.shape for spec in tensors_in(step.output)])
    return calls
