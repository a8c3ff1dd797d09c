"""The report of `memory`: the peak of a tracked run, what it is made of, and how it came to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from netinspect.analysis.allocation_totals import (
    CATEGORIES,
    Category,
    held_at,
    highest,
    sums_by_category,
)
from netinspect.analysis.header import build_header
from netinspect.analysis.rows import refuse_negative
from netinspect.analysis.symbolic.memory_growth import Growth, build_growth
from netinspect.records.memory import MemoryTrack, Tracking
from netinspect.records.trace import Input, Trace
from netinspect.reports.memory.record import Amounts, Memory, MemoryModule, MemoryPoint

_UNFUSED = "torch.nn.modules.rnn.LSTM"


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
    top: int | None = 10,
    points: int | None = 24,
) -> Memory:
    """Make the report.

    Args:
        trace: The look that told what the model is called with.
        tracking: The tracked run.
        inputs: What it was run with.
        allocator: Allocator to model: `cuda` or `cpu`.
        optimizer: What training was tracked with; None for inference.
        dtype: What model and inputs were cast to; None if they were not.
        checkpoint: Whether activations were to be recomputed.
        depth: Deepest level of modules with rows of their own; None for all.
        top: Keep only so many modules; None for all.
        points: About how many points of the timeline to keep, the highest of each stretch; None for
            all.

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
    modules = list(_modules(trace, track, growth, peak, allocator, depth))
    kept = modules if top is None else modules[:top]
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
        timeline=tuple(point(index) for index in _highest_of_stretches(track, whole, points)),
        modules=tuple(kept),
        hidden_modules=len(modules) - len(kept),
        hidden_bytes=sum(each.total for each in modules[len(kept) :]),
        checkpoint=checkpoint,
        wrapped=track.wrapped,
        unfused=tuple(each.path for each in trace.modules if each.class_path == _UNFUSED),
        search=tracking.search,
        peaks=() if growth is None else growth.peaks(),
    )


def _run_with_values(track: MemoryTrack) -> Iterator[str]:
    """Say why a run was made with values, and on which; or how it differs where it was made without."""
    if track.tensor_mode != "fake":
        weights = "large weights were zeros" if track.tensor_mode == "zeros" else "weights had values"
        yield (
            f"{track.reason}; it was run on the CPU and tracked there: {weights}, inputs were random, "
            "and other values may take other memory"
        )
    elif track.reason:
        yield track.reason


def _amounts(amounts: Mapping[Category, int]) -> Amounts:
    return Amounts(**{category: amounts.get(category, 0) for category in CATEGORIES})


def _highest_of_stretches(track: MemoryTrack, whole: Sequence[int], points: int | None) -> Iterator[int]:
    """Cut the run into stretches of about equal length, none of two phases; give the top of each."""
    start, length = 0, len(whole)
    for _, steps in groupby(track.steps, key=lambda step: (step.phase, step.iteration)):
        count = len(list(steps))
        stretches = count if points is None else min(count, max(1, round(points * count / length)))
        edges = [start + count * number // stretches for number in range(stretches + 1)]
        for first, last in pairwise(edges):
            yield highest(whole, first, last)
        start += count


def _modules(
    trace: Trace, track: MemoryTrack, growth: Growth | None, peak: int, allocator: str, depth: int | None
) -> Iterator[MemoryModule]:
    """Who holds what at the peak, from the largest; all together it is the peak."""
    held = held_at(track, peak, allocator, depth)
    expressions = {} if growth is None else growth.held_at(peak, depth)
    classes = {each.path: each.class_name for each in trace.modules}
    for path, amounts in sorted(held.items(), key=lambda entry: (-sum(entry[1].values()), entry[0])):
        yield MemoryModule(
            path=path,
            class_name=classes.get(path, ""),
            total=sum(amounts.values()),
            amounts=_amounts(amounts),
            expressions=expressions.get(path),
        )
