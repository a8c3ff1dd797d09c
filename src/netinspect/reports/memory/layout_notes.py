"""Notes below the tables of the `memory` report."""

from __future__ import annotations

from itertools import groupby

from netinspect._utils import units
from netinspect.records.memory import BatchSearch
from netinspect.rendering import format_values
from netinspect.rendering.amounts import own_sizes, symbols_of
from netinspect.rendering.bars import sparkline
from netinspect.rendering.document import Line, line
from netinspect.rendering.styles import StyleName
from netinspect.reports.memory.record import Memory, MemoryPoint

_LEGEND = "█ parameters, buffers, inputs  ▓ gradients, optimizer states  ▒ activations  ░ temporaries"


def notes(report: Memory) -> list[Line]:
    """Return the timeline or the legend, how the run was tracked, and what is not included."""
    if report.fold:
        lines = [_timeline(report)] if report.timeline else []
        estimate = "estimate without kernel workspaces, fragmentation and the device context"
    else:
        lines = [line((_LEGEND, "hint")), line((f"tracked: {_run(report)}", "hint"))]
        estimate = _estimate(report)
    if report.checkpoint:
        lines.append(line(_checkpointed(report)))
    lines.append(line((estimate, "hint")))
    if report.unfused:
        layers = ", ".join(report.unfused[:3]) + (" and others" if len(report.unfused) > 3 else "")
        lines.append(
            line(
                (
                    f"note: {layers or 'the model'} (LSTM) was tracked step by step; the fused kernel "
                    "of a device allocates a workspace instead",
                    "warning",
                )
            )
        )
    lines += format_values.run_notes(report.header)
    symbols = symbols_of(report.header)
    if report.allocator == "cuda" and symbols:
        lines.append(
            line(("expressions are of requested bytes, before allocations are rounded up", "hint"))
        )
    if report.peaks and report.peaks[0].first > 1:
        name = symbols[0].symbol
        lines.append(
            line(
                (
                    f"the peak of {name} = 1 is not given: it may need fewer copies than larger sizes",
                    "hint",
                )
            )
        )
    if report.search is not None:
        lines.append(line((_found(report.search), "total")))
    at = f" at {own_sizes(report.header)}" if symbols else ""
    lines.append(line((f"peak: {units.size(report.peak.total)}{at} {_place(report)}", "total")))
    return lines


def _timeline(report: Memory) -> Line:
    """Return the points of one iteration, the one with the peak, as bars by phase."""
    points = [each for each in report.timeline if each.iteration in (0, report.peak.iteration)]
    if report.peak.iteration > 1:
        points = [each for each in points if each.iteration]
    totals = [each.total for each in points]
    low, high = min(totals), report.peak.total
    name = f"iteration {report.peak.iteration or 1}" if report.training else "timeline"
    spans: list[tuple[str, StyleName]] = [(f"{name}, from {units.size(low)}: ", "hint")]
    for phase, group in groupby(points, _phase):
        spans += [
            (f"{phase} ", "hint"),
            (sparkline([each.total for each in group], low, high), ""),
            (" ", ""),
        ]
    return line(*spans[:-1])


def _phase(point: MemoryPoint) -> str:
    """Return the phase of a point; what exists before the run belongs to forward."""
    return "forward" if point.phase == "start" else point.phase


def _estimate(report: Memory) -> str:
    how = (
        "tracked on tensors without data, nothing was computed"
        if report.header.tensor_mode == "fake"
        else "tracked on the CPU with random values; others may differ"
    )
    rounded = "Allocations are rounded to 512 bytes, as on CUDA. " if report.allocator == "cuda" else ""
    return (
        f"estimate: {how}. {rounded}Not included: workspaces of kernels, fragmentation of the "
        "allocator, the context of the device and its libraries"
    )


def _run(report: Memory) -> str:
    if not report.training:
        parts = ["one forward without autograd"]
    elif report.optimizer == "none":
        parts = ["two iterations of forward and backward, no optimizer"]
    else:
        at_once = "all parameters at once (foreach)" if report.allocator == "cuda" else "one by one"
        parts = [
            f"two iterations of forward, backward and {report.optimizer}, which steps {at_once}; the "
            "loss is the sum of the outputs"
        ]
    if report.dtype is not None:
        parts.append(f"parameters and floating inputs in {report.dtype}")
    parts.append(f"{units.count(report.steps)} allocating steps")
    return "; ".join(parts)


def _checkpointed(report: Memory) -> tuple[str, StyleName]:
    if not report.wrapped:
        return (
            "note: no activations were checkpointed: there are no repeated blocks in a ModuleList or "
            "Sequential",
            "warning",
        )
    shown = ", ".join(report.wrapped[:4])
    more = f" and {len(report.wrapped) - 4} more" if len(report.wrapped) > 4 else ""
    return f"activations checkpointed in {shown}{more}", ""


def _place(report: Memory) -> str:
    peak = report.peak
    if peak.phase == "start":
        return "before anything runs"
    phase = f"{peak.phase} of iteration {peak.iteration}" if report.training else peak.phase
    where = f", in {peak.module}" if peak.module else ""
    return f"in {phase}{where} ({peak.operation})"


def _found(search: BatchSearch) -> str:
    limit = units.size(search.limit)
    if search.found is None:
        largest = max(probe.batch for probe in search.probes)
        return f"all tracked batches fit in {limit}, up to {units.count(largest)}"
    if search.found == 0:
        return f"no batch fits in {limit}"
    how = "a line through two batches" if search.method == "line" else "halving a range"
    return (
        f"largest batch in {limit}: {units.count(search.found)}, found by {how}; it and the next larger "
        f"batch were tracked ({units.plural(len(search.probes), 'batch', 'batches')} in all)"
    )
