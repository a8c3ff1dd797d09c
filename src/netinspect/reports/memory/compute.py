"""Computation of the `memory` report: the peak of a tracked run by category, over time and by module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from netinspect.analysis.allocation_totals import (
    CATEGORIES,
    Category,
    held_at,
    highest,
    sums_by_category,
)
from netinspect.analysis.header import build_header
from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats
from netinspect.analysis.rows import refuse_negative
from netinspect.analysis.symbolic.memory_growth import Growth, build_growth
from netinspect.records.base import replace
from netinspect.records.memory import MemoryTrack, Tracking
from netinspect.records.modules import DEEPEST
from netinspect.records.trace import Input, Trace
from netinspect.reports.memory.record import Amounts, Memory, MemoryModule, MemoryPoint

_UNFUSED = "torch.nn.modules.rnn.LSTM"

POINTS = 28
"""Default number of points in the timeline, which fit in one line."""


def build_memory(
    trace: Trace,
    tracking: Tracking,
    *,
    inputs: Sequence[Input],
    allocator: str,
    optimizer: str | None,
    dtype: str | None,
    checkpoint: bool,
    depth: int | None = None,
    top: int | None = None,
    points: int | None = POINTS,
    fold: bool = True,
) -> Memory:
    """Build the memory report.

    Args:
        trace: The trace that defines the arguments of the model.
        tracking: The tracked run.
        inputs: The inputs of the tracked run.
        allocator: Allocator to model: `cuda` or `cpu`.
        optimizer: Optimizer of the tracked training; None for inference.
        dtype: The dtype that the model and inputs were cast to; None if they were not.
        checkpoint: Whether activation checkpointing was requested.
        depth: Deepest level of modules with rows of their own; None for all.
        top: Maximum number of modules, those of identical blocks together; 0 for all, and None for all,
            of which people see five.
        points: Approximate number of points in the timeline, each the highest of its interval; None for
            all.
        fold: Whether people see the largest modules and one line for the timeline, or every row.

    Raises:
        UsageError: A limit is negative.
    """
    for name, limit in (("depth", depth), ("top", top), ("points", points)):
        refuse_negative(name, limit)
    track = tracking.track
    sums = sums_by_category(track, allocator)
    whole = [sum(column) for column in zip(*sums.values(), strict=True)]
    growth, symbolic = build_growth(tracking, trace.symbolic)

    def point(index: int) -> MemoryPoint:
        step = track.steps[index]
        return MemoryPoint(
            index=index,
            phase=step.phase,
            iteration=step.iteration,
            module=step.module,
            operation=step.operation,
            total=whole[index],
            amounts=_amounts({each: sums[each][index] for each in CATEGORIES}),
            expressions=None if growth is None else growth.at(index),
        )

    peak = highest(whole, 0, len(whole))
    # Identical modules may have different expressions, which no row can show together.
    firsts = _first_modules(trace) if fold and growth is None else {}
    modules = list(_modules(trace, track, growth, peak, allocator, depth, firsts))
    groups = _by_size(modules)
    shown = [module for group in groups[: top or None] for module in group]
    hidden = [module for group in groups[top or len(groups) :] for module in group]
    header = build_header(trace)
    return Memory(
        header=replace(
            header,
            inputs=tuple(inputs),
            mode="train" if track.training else "eval",
            tensor_mode=track.tensor_mode,
            warnings=(*_run_with_values(track), *header.warnings),
            symbolic=symbolic,
        ),
        batch=track.batch,
        training=track.training,
        optimizer=optimizer,
        dtype=dtype,
        allocator="cuda" if allocator == "cuda" else "cpu",
        steps=len(track.steps),
        peak=point(peak),
        timeline=tuple(point(index) for index in _interval_peaks(track, whole, points)),
        modules=tuple(shown),
        hidden_modules=len(hidden),
        hidden_bytes=sum(module.total for module in hidden),
        checkpoint=checkpoint,
        wrapped=track.wrapped,
        unfused=tuple(each.path for each in trace.modules if each.class_path == _UNFUSED),
        search=tracking.search,
        peaks=() if growth is None else growth.peaks(),
        top=top,
        fold=fold,
    )


def _run_with_values(track: MemoryTrack) -> Iterator[str]:
    """Yield why the run needed values and which it used, or how a run without values differs."""
    if track.tensor_mode != "fake":
        weights = "large weights were zeros" if track.tensor_mode == "zeros" else "weights had values"
        yield (
            f"{track.reason}; tracked on the CPU instead: {weights} and inputs were random, "
            "so other values may need a different amount of memory"
        )
    elif track.reason:
        yield track.reason


def _amounts(amounts: Mapping[Category, int]) -> Amounts:
    return Amounts(**{category: amounts.get(category, 0) for category in CATEGORIES})


def _interval_peaks(track: MemoryTrack, whole: Sequence[int], points: int | None) -> Iterator[int]:
    """Split the run into intervals of about equal length within one phase; yield the peak of each."""
    start, length = 0, len(whole)
    for _, steps in groupby(track.steps, key=lambda step: (step.phase, step.iteration)):
        count = len(list(steps))
        intervals = count if points is None else min(count, max(1, round(points * count / length)))
        edges = [start + count * number // intervals for number in range(intervals + 1)]
        for first, last in pairwise(edges):
            yield highest(whole, first, last)
        start += count


def _modules(
    trace: Trace,
    track: MemoryTrack,
    growth: Growth | None,
    peak: int,
    allocator: str,
    depth: int | None,
    firsts: Mapping[str, str],
) -> Iterator[MemoryModule]:
    """Yield the modules with memory at the peak; their totals add up to the peak."""
    held = held_at(track, peak, allocator, depth)
    expressions = {} if growth is None else growth.held_at(peak, depth)
    classes = {each.path: each.class_name for each in trace.modules}
    order = {path: number for number, path in enumerate(classes)}
    for path, amounts in sorted(held.items(), key=lambda entry: order.get(entry[0], len(order))):
        yield MemoryModule(
            path=path,
            class_name=classes.get(path, ""),
            total=sum(amounts.values()),
            amounts=_amounts(amounts),
            expressions=expressions.get(path),
            repeat_of=firsts.get(path),
        )


def _first_modules(trace: Trace) -> dict[str, str]:
    """Return the same module in the first of several identical blocks, by the path of each later one."""
    outline = find_repeats(Structure(trace), calls=False).outline(DEEPEST)
    return {each.node: each.repeat_of for each in outline if each.repeat_of is not None}


def _by_size(modules: Iterable[MemoryModule]) -> list[list[MemoryModule]]:
    """Sort modules by their memory, largest first, those at one place of identical blocks together."""
    groups: dict[str, list[MemoryModule]] = {}
    for module in modules:
        groups.setdefault(module.repeat_of or module.path, []).append(module)
    return sorted(groups.values(), key=lambda group: (-sum(each.total for each in group), group[0].path))
