"""Sums over named tensors, with tied tensors counted once and named."""

from __future__ import annotations

from collections.abc import Iterable

from netinspect.records.reports.common import Tie, Totals
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.trace import Trace


def first_names(tensors: Iterable[Parameter | Buffer]) -> dict[int, str]:
    """Map each identity to the first name that it has; there it counts."""
    names: dict[int, str] = {}
    for tensor in tensors:
        names.setdefault(tensor.identity, tensor.name)
    return names


def totals(trace: Trace) -> Totals:
    """Add up elements and bytes of a model's parameters and buffers.

    A tensor that is registered both ways, or under several names, counts once, as a parameter
    before a buffer; it is trainable if any of its parameters is.
    """
    parameters = {entry.identity: entry for entry in reversed(trace.parameters)}
    buffers = {entry.identity: entry for entry in trace.buffers if entry.identity not in parameters}
    trainable = {entry.identity for entry in trace.parameters if entry.trainable}
    return Totals(
        parameters=sum(entry.spec.elements for entry in parameters.values()),
        trainable=sum(parameters[identity].spec.elements for identity in trainable),
        bytes=sum(entry.spec.bytes for entry in parameters.values()),
        buffers=sum(entry.spec.elements for entry in buffers.values()),
        buffer_bytes=sum(entry.spec.bytes for entry in buffers.values()),
        dtypes=tuple(sorted({entry.spec.dtype for entry in parameters.values()})),
    )


def ties(trace: Trace) -> tuple[Tie, ...]:
    """List the parameters that are one tensor under several names."""
    groups: dict[int, list[Parameter]] = {}
    for entry in trace.parameters:
        groups.setdefault(entry.identity, []).append(entry)
    return tuple(
        Tie(
            names=tuple(entry.name for entry in group),
            elements=group[0].spec.elements,
            bytes=group[0].spec.bytes,
        )
        for group in groups.values()
        if len(group) > 1
    )
