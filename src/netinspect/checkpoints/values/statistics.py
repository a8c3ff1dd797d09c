"""Statistics of the values of stored tensors, computed in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netinspect.checkpoints.values.data import CheckpointData, memory_of
from netinspect.checkpoints.values.dtypes import KINDS, Array, table_of, widen
from netinspect.checkpoints.values.moments import (
    Moments,
    count_complex,
    moments,
    moments_of_counts,
    moments_of_integers,
)
from netinspect.checkpoints.values.processes import in_processes
from netinspect.checkpoints.values.threads import Meter, Progress, Workspace
from netinspect.quantiles import (
    SAMPLE,
    distribution_of_counts,
    distribution_of_sample,
    sample_places,
)
from netinspect.records.checkpoint import StoredTensor
from netinspect.records.distribution import Distribution, ValueSummary

_PART = 1 << 21
"""Elements of one task."""

_PIECE = 1 << 17
"""Elements per computation, few enough for a processor's cache."""

_MANY_BYTES = 1 << 18
_FEW_BYTES = 1 << 14


class _Running:
    """Tensor that one process reads part by part."""

    def __init__(self, tensor: StoredTensor, scale: float = 1.0) -> None:
        self.tensor = tensor
        self.scale = scale
        self.parts = [
            (start, min(start + _PART, tensor.elements)) for start in range(0, tensor.elements, _PART)
        ] or [(0, 0)]
        self.moments: dict[int, Moments] = {}
        self.counts: Array | None = None
        """Number of occurrences of each of the 256 codes, for one-byte dtypes."""

        self.left = len(self.parts)
        self.sample: Array | None = None


@dataclass(frozen=True)
class _Task:
    running: _Running
    number: int

    @property
    def bytes(self) -> int:
        start, stop = self.running.parts[self.number]
        return (stop - start) * KINDS[self.running.tensor.dtype].itemsize


def summarize_values(
    data: CheckpointData, tensors: Sequence[StoredTensor], progress: Progress | None = None
) -> list[ValueSummary]:
    """Summarize the values of tensors, reading tied tensors once.

    Args:
        data: The open checkpoint.
        tensors: Its tensors to summarize.
        progress: Called with the number of bytes read.

    Returns:
        One summary for each tensor. Means and deviations have a precision of about 7 digits, or that of
            float64 for this dtype. Extremes and counts are exact.

    Raises:
        CheckpointError: A file ends too early.
        LoadError: A file cannot be read, or has changed.
    """
    reasons = [data.reason_without_values(tensor) for tensor in tensors]
    running: dict[object, _Running] = {}
    for tensor, reason in zip(tensors, reasons, strict=True):
        if not reason:
            running.setdefault(memory_of(tensor), _Running(tensor))
    meter = Meter(progress)
    found = dict(zip(running, _run(data, list(running.values()), meter), strict=True))
    # Tensors whose squares overflow or underflow are read again, scaled by a power of two.
    again = {key: each.better_scale for key, (each, _) in found.items() if each.better_scale != 1}
    scaled = [_Running(running[key].tensor, scale) for key, scale in again.items()]
    found.update(zip(again, _run(data, scaled, meter), strict=True))
    data.check_unchanged()
    return [
        ValueSummary(not_read=reason) if reason else _summary(*found[memory_of(tensor)])
        for tensor, reason in zip(tensors, reasons, strict=True)
    ]


def _summary(found: Moments, distribution: Distribution | None) -> ValueSummary:
    return ValueSummary(
        statistics=found.statistics(),
        distribution=distribution,
        constant=found.finite > 1 and found.low == found.high and not found.nan + found.inf,
    )


def _run(
    data: CheckpointData, running: list[_Running], meter: Meter
) -> list[tuple[Moments, Distribution | None]]:
    tasks = [_Task(each, number) for each in running for number in range(len(each.parts))]
    meter.expect(sum(task.bytes for task in tasks))
    results = in_processes(
        tasks,
        lambda task, workspace: _read_part(data, task, workspace),
        lambda task: meter.add(task.bytes),
        size=lambda task: task.bytes,
        together=lambda task: id(task.running),
    )
    # The last part of a tensor returns the result of the whole.
    return [result for result in results if result is not None]


def _read_part(
    data: CheckpointData, task: _Task, workspace: Workspace
) -> tuple[Moments, Distribution | None] | None:
    """Read a part; return the result of the whole tensor, or None while other parts are missing."""
    running, (start, stop) = task.running, task.running.parts[task.number]
    kind = KINDS[running.tensor.dtype]
    with np.errstate(all="ignore"):  # overflow and NaN are handled below
        if kind.how == "table":
            counts = _count_bytes(data, running.tensor, start, stop, workspace)
            running.counts = counts if running.counts is None else running.counts + counts
        else:
            running.moments[task.number] = _read_floats(data, running, start, stop, workspace)
        running.left -= 1
        return None if running.left else _finish(running)


def _count_bytes(
    data: CheckpointData, tensor: StoredTensor, start: int, stop: int, workspace: Workspace
) -> Array:
    """Count the occurrences of each of the 256 codes, two at once, which takes half the time."""
    counts = np.zeros(1 << 8, "i8")
    for piece in data.pieces(tensor, start, stop, workspace, in_order=False, size=_MANY_BYTES):
        pairs = len(piece) // 2 if len(piece) > _FEW_BYTES else 0
        if pairs:
            table = np.bincount(piece[: 2 * pairs].view("u2"), minlength=1 << 16).reshape(1 << 8, -1)
            counts += table.sum(axis=0) + table.sum(axis=1)
        counts += np.bincount(piece[2 * pairs :], minlength=1 << 8)
    return counts


def _read_floats(
    data: CheckpointData, running: _Running, start: int, stop: int, workspace: Workspace
) -> Moments:
    tensor = running.tensor
    kind = KINDS[tensor.dtype]
    found = Moments(scale=running.scale)
    first = start
    for raw in data.pieces(tensor, start, stop, workspace, in_order=False, size=_PIECE):
        x = widen(tensor.dtype, raw, workspace.take("wide", kind.wide, len(raw)))
        if kind.components == 2:
            found.add(count_complex(x))
            continue
        _take_sample(running, x, first, workspace)
        first += len(x)
        if kind.how == "integer":
            found.add(moments_of_integers(raw))
        else:
            found.add(moments(x, found.near, running.scale))
    return found


def _take_sample(running: _Running, x: Array, first: int, workspace: Workspace) -> None:
    """Store the values of a piece that are in the sample of the tensor."""
    elements, wide = running.tensor.elements, x.dtype.str
    size = min(elements, SAMPLE)
    if running.sample is None:
        # A tensor of one part is finished before the next one starts.
        alone = len(running.parts) == 1
        running.sample = workspace.take("sample", wide, size) if alone else np.empty(size, wide)
    if elements == size:
        running.sample[first : first + len(x)] = x
        return
    places = sample_places(elements)
    begin, end = places.searchsorted((first, first + len(x)))
    np.take(x, places[begin:end] - first, out=running.sample[begin:end], mode="clip")


def _finish(running: _Running) -> tuple[Moments, Distribution | None]:
    """Merge the parts in order, so that the result does not depend on which finished first."""
    if running.counts is not None:
        values = table_of(running.tensor.dtype)
        return (
            moments_of_counts(running.counts, values),
            distribution_of_counts(running.counts, values),
        )
    found = Moments(scale=running.scale)
    for number in range(len(running.parts)):
        found.add(running.moments[number])
    sample, running.sample = running.sample, None
    return found, None if sample is None else distribution_of_sample(sample, found.finite)
