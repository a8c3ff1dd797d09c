"""Remedies for a failed forward: sizes that pass, missing labels, and other methods to call."""

from __future__ import annotations

from torch import nn

from netinspect._utils.version_faults import version_note
from netinspect.inputs.budget import Budget
from netinspect.inputs.choose import Choice
from netinspect.inputs.infer.labels import missing_labels
from netinspect.inputs.infer.passing_sizes import find_passing_sizes
from netinspect.inputs.signature import forward_names
from netinspect.records.base import replace
from netinspect.records.steps import Failure
from netinspect.records.trace import Trace, is_given
from netinspect.tracing.model.forwardless import refuses
from netinspect.tracing.model.methods import other_methods


def with_remedies(
    model: nn.Module,
    choice: Choice,
    trace: Trace,
    budget: Budget,
    *,
    training: bool | None,
    sizes: bool,
    call: str = "forward",
) -> Failure | None:
    """Return the failure of a trace with remedies; None if it did not fail.

    Args:
        model: The live module; it is left unchanged.
        choice: Arguments that it was called with.
        trace: Trace of the call.
        budget: Budget that runs at other sizes are charged to.
        training: Whether forward ran in train mode; None for the mode of each module.
        sizes: Whether to search for sizes that pass; skipped if all inputs were inferred.
        call: Method that was run.
    """
    failure = trace.failure
    if failure is None:
        return None
    failure = replace(failure, repeats=choice.repeats)
    is_inferred = bool(choice.attempts) and all(
        not is_given(each.record.origin) for each in choice.arguments
    )
    if sizes and not is_inferred:
        passing = find_passing_sizes(
            model, choice.arguments, trace, budget, training=training, call=call
        )
        failure = replace(failure, working_inputs=passing.specs, working_unit=passing.unit)
    if failure.place is not None and failure.phase == "forward":
        place = failure.place
        versions = version_note(failure.type, failure.message, place.file, place.line)
        failure = replace(failure, versions=versions or "")
    if refuses(failure):
        failure = replace(failure, methods=other_methods(model, called=call))
    if training and failure.phase == "forward":
        passed = [each.record.name for each in choice.arguments]
        missing = missing_labels(forward_names(model, call), passed, failure)
        failure = replace(failure, missing=missing)
    return failure
