"""Batch statistics in train mode: layers that take no single example."""

from __future__ import annotations

from dataclasses import replace

from netinspect.inputs.spec import parse_spec
from netinspect.records.steps import Failure
from netinspect.tracing.arguments import Argument

_ONE_VALUE = "more than 1 value per channel"
TWO = "2 examples, as batch statistics in train mode need"
"""Why a batch is 2."""


def wants_two_examples(failure: Failure | None) -> bool:
    """Whether torch refuses to take the statistics of one value."""
    return failure is not None and is_one_value(failure.message)


def is_one_value(message: str) -> bool:
    """Whether a message is torch's about statistics of one value."""
    return _ONE_VALUE in message


def are_single(arguments: list[Argument]) -> bool:
    """Whether some input has a batch of 1, and none a larger one."""
    specs = [parse_spec(text) for each in arguments for text in each.record.spec.split()]
    batches = {spec.listed or spec.shape[0] for spec in specs if spec.listed or spec.shape}
    return batches == {1}


def with_reason(argument: Argument) -> Argument:
    """Say in an argument's origin why there are two examples of it."""
    record = argument.record
    return replace(argument, record=replace(record, origin=f"{record.origin}; {TWO}"))
