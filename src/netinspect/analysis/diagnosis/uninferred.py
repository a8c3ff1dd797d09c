"""Hints for a failed search for inputs: which input is missing, what is known of it, how to give it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect.records.dataflow import failed_step, sources_of
from netinspect.records.steps import Step
from netinspect.records.trace import Trace, is_given
from netinspect.records.values import TensorSpec

_TENSOR_ATTRIBUTE = re.compile(r"'Tensor' object has no attribute '(\w+)'")

_LAST = frozenset({"linear", "lstm", "gru", "rnn_tanh", "rnn_relu"})
"""Functions whose weights determine the last dimension of their input."""

_SECOND = frozenset({"conv1d", "conv2d", "conv3d"})
"""Functions whose weights determine the second dimension of a batch."""


def uninferred_hint(trace: Trace) -> Iterator[str]:
    """Yield which inputs could not be inferred and how to pass them, unless all were passed."""
    step = failed_step(trace.steps)
    names = sources_of(step.input_origins, trace.steps) if step is not None else []
    given = {entry.name for entry in trace.inputs if is_given(entry.origin)}
    # An argument without a name in forward is identified by its position.
    guessed = [
        f"input {int(name) + 1}" if name.isdigit() else name for name in names if name not in given
    ]
    if trace.failure is not None and (trace.failure.working_inputs or (names and not guessed)):
        return
    which = " and ".join(guessed) or ("the others" if given else "the inputs")
    lead = which if given else f"no inputs were given, and {which}"
    tries = len(trace.attempts)
    tried = f"none of {tries} attempts passed" if tries > 1 else "the only attempt failed"
    tried += " before the time limit" if trace.out_of_time else ""
    yield (
        f"{lead} could not be inferred: {tried} (--explain-input lists them); "
        f"if the model is correct, pass them: {_input_options(trace)}"
    )
    known = [
        text for name in names or [entry.name for entry in trace.inputs] if (text := _known(trace, name))
    ]
    if known and not given:
        yield f"what is known of them: {'; '.join(known)}"


def _known(trace: Trace, name: str) -> str:
    """Describe what the layer that takes an input shows of it; empty if no layer took it."""
    step = _taker(trace, name)
    value = next((entry.value for entry in trace.inputs if entry.name == name), None)
    if step is None or not isinstance(value, TensorSpec):
        return ""
    classes = {module.path: module.class_name for module in trace.modules}
    layer = (
        f"{step.module} ({classes[step.module]})"
        if step.module in classes and step.module
        else step.name
    )
    rank = len(value.shape)
    dimension = rank - 1 if step.name in _LAST else 1 if step.name in _SECOND and rank > 2 else None
    size = "" if dimension is None else f", {value.shape[dimension]} in dimension {dimension}"
    plural = "s" * (rank != 1)
    return f"{name} is {value.dtype} with {rank} dimension{plural}{size}, as {layer} takes it"


def _taker(trace: Trace, name: str) -> Step | None:
    """Return the first call that took an input directly and passed; None without one."""
    return next(
        (
            step
            for step in trace.steps
            if step.kind == "function" and name in step.arguments and not step.failed and step.parameters
        ),
        None,
    )


def _input_options(trace: Trace) -> str:
    """Return the options that pass the inputs; values with attributes need --inputs-from."""
    failure = trace.failure
    if failure is not None and failure.type == "AttributeError":
        attribute = _TENSOR_ATTRIBUTE.search(failure.message)
        if attribute is not None:
            return f"--inputs-from FILE:FUNCTION for an object with .{attribute[1]}"
    # The specs that were guessed have failed, so only their names are of use.
    specs = " ".join(
        f"--input {text if is_given(each.origin) else _without_sizes(text, _taker(trace, each.name))}"
        for each in trace.inputs
        for text in each.specs
    )
    function = "--inputs-from FILE:FUNCTION for values that are not tensors"
    return f"{specs}, or {function}" if specs else function


def _without_sizes(spec: str, taker: Step | None) -> str:
    """Return a form to fill in: without the sizes, and without a dtype that no call has taken."""
    name, is_value, _ = spec.partition(":=")
    if is_value:
        return f"{name}:=VALUE"
    name, equals, rest = spec.rpartition("=")
    _, colon, dtype = rest.partition(":")
    return f"{name}{equals}SIZES{colon}{dtype}" if taker is not None else f"{name}{equals}SIZES"
