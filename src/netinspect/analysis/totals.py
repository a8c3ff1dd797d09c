"""Totals over the named tensors of a model, with tied tensors counted once and listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netinspect.records.report_header import LayoutShare, Tie, Totals
from netinspect.records.tensors import Parameter, RegisteredTensor
from netinspect.records.trace import Trace


def first_names(tensors: Iterable[RegisteredTensor]) -> dict[int, str]:
    """Return the first name of each identity, under which the tensor counts."""
    names: dict[int, str] = {}
    for tensor in tensors:
        names.setdefault(tensor.identity, tensor.name)
    return names


def totals(trace: Trace) -> Totals:
    """Add up elements and bytes of a model's parameters and buffers.

    A tensor under several names counts once, as a parameter if any of its names is one. It is trainable
    if any of its parameters is.
    """
    parameters = {entry.identity: entry for entry in reversed(trace.parameters)}
    buffers = {entry.identity: entry for entry in trace.buffers if entry.identity not in parameters}
    trainable = {entry.identity for entry in trace.parameters if entry.trainable}
    unregistered = [each for each in trace.unregistered if each.kind == "tensor"]
    return Totals(
        parameters=sum(entry.spec.elements for entry in parameters.values()),
        trainable=sum(parameters[identity].spec.elements for identity in trainable),
        bytes=sum(entry.counted_bytes for entry in parameters.values()),
        buffers=sum(entry.spec.elements for entry in buffers.values()),
        buffer_bytes=sum(entry.counted_bytes for entry in buffers.values()),
        dtypes=tuple(sorted({entry.spec.dtype for entry in parameters.values()})),
        unregistered=tuple(each.name for each in unregistered),
        unregistered_elements=sum(each.elements for each in unregistered),
        layouts=_layouts([*reversed(parameters.values()), *buffers.values()]),
    )


def _layouts(tensors: Sequence[RegisteredTensor]) -> tuple[LayoutShare, ...]:
    groups: dict[str, list[RegisteredTensor]] = {}
    for entry in tensors:
        if entry.spec.layout is not None:
            groups.setdefault(entry.spec.layout.name, []).append(entry)
    return tuple(
        LayoutShare(
            layout=name,
            tensors=len(group),
            elements=sum(entry.spec.elements for entry in group),
            bytes=sum(entry.counted_bytes for entry in group),
            stored=_stored(group),
        )
        for name, group in groups.items()
    )


def _stored(tensors: Sequence[RegisteredTensor]) -> int | None:
    counts = [entry.spec.layout.stored for entry in tensors if entry.spec.layout is not None]
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def ties(trace: Trace) -> tuple[Tie, ...]:
    """List modules and then parameters that have several names.

    The parameters of a module with several paths are not listed one by one.
    """
    paths: dict[str, list[str]] = {}
    for module in trace.modules:
        if module.alias_of is not None:
            paths.setdefault(module.alias_of, [module.alias_of]).append(module.path)
    aliases = {path for group in paths.values() for path in group[1:]}
    groups: dict[int, list[Parameter]] = {}
    inside: dict[str, list[Parameter]] = {}
    for entry in trace.parameters:
        above = list(upwards(entry.module))
        if aliases.intersection(above):
            continue
        group = groups.setdefault(entry.identity, [])
        if not group:
            for path in paths.keys() & above:
                inside.setdefault(path, []).append(entry)
        group.append(entry)
    shared = [_tie(names, inside[first]) for first, names in paths.items() if first in inside]
    tied = [
        _tie([entry.name for entry in group], group[:1]) for group in groups.values() if len(group) > 1
    ]
    return (*shared, *tied)


def _tie(names: Sequence[str], counted: Sequence[Parameter]) -> Tie:
    return Tie(
        names=tuple(names),
        elements=sum(entry.spec.elements for entry in counted),
        bytes=sum(entry.spec.bytes for entry in counted),
    )


def upwards(path: str) -> Iterator[str]:
    """Yield the path of a module, and those of all modules above it up to the root."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""
