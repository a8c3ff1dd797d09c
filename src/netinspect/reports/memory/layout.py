"""Layout of the `memory` report: the peak, the timeline, modules, batch sizes and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netinspect._utils import units
from netinspect.records.memory import BatchSearch
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.rendering import format_values
from netinspect.rendering.amounts import own_sizes, rounded, symbols_of, whole
from netinspect.rendering.document import Cell, Column, Document, Line, Row, Table, cell, line
from netinspect.reports.memory.record import Amounts, Memory, MemoryModule, MemoryPoint

_CATEGORIES = (
    ("parameters", "parameters", "█"),
    ("buffers", "buffers", "█"),
    ("inputs", "inputs", "█"),
    ("gradients", "gradients", "▓"),
    ("optimizer_states", "optimizer states", "▓"),
    ("activations", "activations", "▒"),
    ("temporaries", "temporaries", "░"),
)
"""Field of `Amounts`, label and bar character of each category."""

_LEGEND = "█ parameters, buffers, inputs  ▓ gradients, optimizer states  ▒ activations  ░ temporaries"
_BAR = 24
"""Width in characters of a bar as high as the peak."""

_EXPRESSION = Column(key="expression", title="for any size", align="right", shown=False)
"""Expression in the symbols, shown if the trace has symbols."""

_PEAK = (
    Column(key="category", title="at the peak"),
    Column(key="bytes", title="size", align="right"),
    Column(key="share", align="right", drop=1),
    _EXPRESSION,
)
_AMOUNTS = tuple(
    Column(key=key, title=title, align="right", drop=drop)
    for drop, (key, title, _) in zip((6, 9, 10, 5, 4, 3, 7), _CATEGORIES, strict=True)
)
_TIMELINE = (
    Column(key="step", align="right", drop=2),
    Column(key="phase"),
    Column(key="iteration", align="right", shown=False),
    Column(key="module", least=12, elide="middle"),
    Column(key="operation", drop=1, least=16),
    Column(key="bytes", title="size", align="right"),
    *(replace(each, shown=False) for each in _AMOUNTS),
    Column(key="of_peak", title="of the peak"),
    replace(_EXPRESSION, drop=3),
)
_MODULES = (
    Column(key="path", title="module", least=18, elide="middle"),
    Column(key="class", drop=8),
    Column(key="bytes", title="size", align="right"),
    Column(key="share", align="right", drop=1),
    replace(_EXPRESSION, drop=2),
    *_AMOUNTS,
)
_PEAKS = (
    Column(key="from", align="right"),
    Column(key="to", align="right"),
    Column(key="expression", title="peak", align="right"),
    Column(key="phase"),
    Column(key="iteration", align="right", shown=False),
    Column(key="module", least=12, elide="middle", drop=2),
    Column(key="operation", drop=1, least=16),
    *(replace(each, shown=False) for each in _AMOUNTS),
)
_PROBES = (
    Column(key="batch", align="right"),
    Column(key="bytes", title="peak", align="right"),
    Column(key="fits"),
)


def lay_out(report: Memory) -> Document:
    """Lay out a memory report."""
    blocks = [_peak(report), _timeline(report), _modules(report)]
    if report.peaks:
        blocks.append(_peaks(report))
    if report.search is not None:
        blocks.append(_probes(report.search))
    return Document(
        title=format_values.title(report.header), blocks=tuple(blocks), notes=tuple(_notes(report))
    )


def _peak(report: Memory) -> Table:
    peak = report.peak
    rows = []
    for key, title, character in _CATEGORIES:
        size = getattr(peak.amounts, key)
        share = size / peak.total if peak.total else 0.0
        if size:
            rows.append(
                Row(
                    cells=(
                        cell(key, f"{character} {title}"),
                        cell(size, units.size(size)),
                        cell(round(share, 6), units.percent(share)),
                        _expression(peak.expressions, key),
                    )
                )
            )
    total = _expression(peak.expressions, "total")
    footer = (cell(None, "  peak"), cell(None, units.size(peak.total)), cell(None, "100.0 %"), total)
    return Table(
        name="peak by category",
        columns=_columns(_PEAK, report),
        rows=tuple(rows),
        footer=(Row(cells=footer, style="bold"),),
    )


def _timeline(report: Memory) -> Table:
    rows = tuple(
        Row(cells=_point(point, report), style="bold" if point.index == report.peak.index else "")
        for point in report.timeline
    )
    return Table(name="timeline", columns=_columns(_TIMELINE, report), rows=rows)


def _point(point: MemoryPoint, report: Memory) -> tuple[Cell, ...]:
    share = point.total / report.peak.total if report.peak.total else 0.0
    mark = " <peak" if point.index == report.peak.index else ""
    return (
        cell(point.index),
        cell(point.phase, _phase(point, report)),
        cell(point.iteration),
        cell(point.module, point.module or "-"),
        cell(point.operation, point.operation or "-"),
        cell(point.total, units.size(point.total)),
        *_amounts(point.amounts),
        cell(round(share, 6), _bar(point, report.peak.total) + mark),
        _expression(point.expressions, "total"),
    )


def _phase(point: MemoryPoint | PeakRange, report: Memory) -> str:
    return f"{point.phase} {point.iteration}" if report.training and point.iteration else point.phase


def _amounts(amounts: Amounts) -> list[Cell]:
    sizes = [getattr(amounts, key) for key, _, _ in _CATEGORIES]
    return [cell(size, units.size(size) if size else "-") for size in sizes]


def _bar(point: MemoryPoint, peak: int) -> str:
    """Format the categories of a point as a bar whose length is its share of the peak."""
    drawn, reached = "", 0
    for key, _, character in _CATEGORIES:
        reached += getattr(point.amounts, key)
        cells = round(_BAR * reached / peak) if peak else 0
        drawn += character * (cells - len(drawn))
    return drawn


def _modules(report: Memory) -> Table:
    footer = []
    if report.hidden_modules:
        label = f"{units.plural(report.hidden_modules, 'module')} more"
        footer.append(_sum(label, report.hidden_bytes, report))
    footer.append(_sum("peak", report.peak.total, report, report.peak.amounts))
    # Columns of categories without memory at the peak are hidden from people, not from programs.
    columns = tuple(
        column if getattr(report.peak.amounts, column.key, 1) else replace(column, shown=False)
        for column in _columns(_MODULES, report)
    )
    return Table(
        name="modules at the peak",
        columns=columns,
        rows=tuple(Row(cells=_module(each, report)) for each in report.modules),
        footer=tuple(footer),
    )


def _module(each: MemoryModule, report: Memory) -> tuple[Cell, ...]:
    share = each.total / report.peak.total
    return (
        cell(each.path, each.path or "(the model itself)", style="bold"),
        cell(each.class_name),
        cell(each.total, units.size(each.total)),
        cell(round(share, 6), units.percent(share)),
        _expression(each.expressions, "total"),
        *_amounts(each.amounts),
    )


def _sum(label: str, size: int, report: Memory, amounts: Amounts | None = None) -> Row:
    share = size / report.peak.total if report.peak.total else 0.0
    texts = {"path": label, "bytes": units.size(size), "share": units.percent(share)}
    if amounts is not None:
        texts["expression"] = _expression(report.peak.expressions, "total").text
        for (key, _, _), each in zip(_CATEGORIES, _amounts(amounts), strict=True):
            texts[key] = each.text
    return Row(cells=tuple(cell(None, texts.get(column.key, "")) for column in _MODULES), style="bold")


def _columns(columns: Sequence[Column], report: Memory) -> tuple[Column, ...]:
    """Return the columns of a table, with the column of expressions if the report has any."""
    symbols = symbols_of(report.header)
    title = f"for any {', '.join(each.symbol for each in symbols)}"
    shown = report.peak.expressions is not None
    return tuple(
        replace(column, title=title, shown=shown)
        if column.key == _EXPRESSION.key and symbols
        else column
        for column in columns
    )


def _expression(expressions: AmountExpressions | None, key: str) -> Cell:
    if expressions is None:
        return cell(None)
    expression = getattr(expressions, key)
    return cell(whole(expression), rounded(expression, units.size))


def _peaks(report: Memory) -> Table:
    (symbol,) = symbols_of(report.header)
    rows = (
        Row(
            cells=(
                cell(each.first, units.count(each.first)),
                cell(each.last, "and more" if each.last is None else units.count(each.last)),
                cell(whole(each.expressions.total), rounded(each.expressions.total, units.size), "bold"),
                cell(each.phase, _phase(each, report)),
                cell(each.iteration),
                cell(each.module, each.module or "-"),
                cell(each.operation, each.operation or "-"),
                *(
                    cell(whole(amount), rounded(amount, units.size))
                    for amount in (getattr(each.expressions, key) for key, _, _ in _CATEGORIES)
                ),
            )
        )
        for each in report.peaks
    )
    return Table(name=f"the peak for any {symbol.symbol}", columns=_PEAKS, rows=tuple(rows))


def _probes(search: BatchSearch) -> Table:
    rows = (
        Row(
            cells=(
                cell(probe.batch, units.count(probe.batch)),
                cell(probe.bytes, units.size(probe.bytes)),
                cell(probe.bytes <= search.limit, "yes" if probe.bytes <= search.limit else "no"),
            ),
            style="bold" if probe.batch == search.found else "",
        )
        for probe in sorted(search.probes, key=lambda probe: probe.batch)
    )
    return Table(name=f"batches in {units.size(search.limit)}", columns=_PROBES, rows=tuple(rows))


def _notes(report: Memory) -> list[Line]:
    notes = [line((_LEGEND, "dim"))]
    notes.append(line((f"tracked: {_run(report)}", "dim")))
    if report.checkpoint:
        notes.append(line(_checkpointed(report)))
    notes += [
        line(
            (
                (
                    "estimate: tracked on tensors without data, nothing was computed. "
                    if report.header.tensor_mode == "fake"
                    else "estimate: tracked on the CPU with random values; others may differ. "
                )
                + (
                    "Allocations are rounded to 512 bytes, as on CUDA. "
                    if report.allocator == "cuda"
                    else ""
                )
                + "Not included: workspaces of kernels, fragmentation of the allocator, the context "
                "of the device and its libraries",
                "dim",
            )
        )
    ]
    if report.unfused:
        layers = ", ".join(report.unfused[:3]) + (" and others" if len(report.unfused) > 3 else "")
        notes.append(
            line(
                (
                    f"note: {layers or 'the model'} (LSTM) was tracked step by step; the fused kernel "
                    "of a device allocates a workspace instead",
                    "yellow",
                )
            )
        )
    notes += format_values.run_notes(report.header)
    symbols = symbols_of(report.header)
    if report.allocator == "cuda" and symbols:
        notes.append(
            line(("expressions are of requested bytes, before allocations are rounded up", "dim"))
        )
    if report.peaks and report.peaks[0].first > 1:
        name = symbols[0].symbol
        notes.append(
            line(
                (
                    f"the peak of {name} = 1 is not given: it may need fewer copies than larger sizes",
                    "dim",
                )
            )
        )
    if report.search is not None:
        notes.append(line((_found(report.search), "bold")))
    at = f" at {own_sizes(report.header)}" if symbols else ""
    notes.append(line((f"peak: {units.size(report.peak.total)}{at} {_place(report)}", "bold")))
    return notes


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


def _checkpointed(report: Memory) -> tuple[str, str]:
    if not report.wrapped:
        return (
            "note: no activations were checkpointed: there are no repeated blocks in a ModuleList or "
            "Sequential",
            "yellow",
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
