"""What may help where forward failed: other sizes of the inputs, other arguments, other methods."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from netinspect.inputs.budget import Budget
from netinspect.inputs.choose import Choice
from netinspect.inputs.infer.labels import missing_labels
from netinspect.inputs.infer.passing_sizes import working_inputs
from netinspect.inputs.signature import forward_names
from netinspect.records.steps import Failure
from netinspect.records.trace import GIVEN, Trace
from netinspect.tracing.model.forwardless import other_methods, refuses


def with_remedies(
    model: nn.Module,
    choice: Choice,
    trace: Trace,
    budget: Budget,
    *,
    training: bool,
    sizes: bool,
) -> Failure | None:
    """Return the failure of a trace with what may help.

    Args:
        model: The live module; it is left as it was.
        choice: What it was called with.
        trace: The record of the call.
        budget: What runs at other sizes are charged to.
        training: The mode that it ran in.
        sizes: Whether to look for sizes that pass, unless all inputs were searched for.
    """
    failure = trace.failure
    if failure is None:
        return None
    is_searched = bool(choice.attempts) and all(each.record.origin != GIVEN for each in choice.arguments)
    if sizes and not is_searched:
        passing = working_inputs(model, choice.arguments, trace, budget, training=training)
        failure = replace(failure, working_inputs=passing.specs, working_unit=passing.unit)
    if refuses(failure):
        failure = replace(failure, methods=other_methods(model))
    if training and failure.phase == "forward":
        passed = [each.record.name for each in choice.arguments]
        missing = missing_labels(forward_names(model), passed, failure)
        failure = replace(failure, missing=missing)
    return failure
