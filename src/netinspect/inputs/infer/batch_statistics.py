"""Batch statistics in train mode: layers that reject a batch of one example."""

from __future__ import annotations

from netinspect.analysis.diagnosis.messages import reports
from netinspect.inputs.spec import parse_spec
from netinspect.records.base import replace
from netinspect.records.steps import Failure
from netinspect.tracing.arguments import Argument

TWO = "2 examples, as batch statistics in train mode need"
"""Reason for a batch of 2."""


def wants_two_examples(failure: Failure | None) -> bool:
    """Return whether torch refused to compute the statistics of one value."""
    return failure is not None and reports(failure.message, "examples")


def are_single(arguments: list[Argument]) -> bool:
    """Return whether every input with a batch has a batch of 1."""
    specs = [parse_spec(text) for each in arguments for text in each.record.specs]
    batches = {spec.listed or spec.shape[0] for spec in specs if spec.listed or spec.shape}
    return batches == {1}


def with_reason(argument: Argument) -> Argument:
    """Add the reason for two examples to the origin of an argument."""
    record = argument.record
    return replace(argument, record=replace(record, origin=f"{record.origin}; {TWO}"))
