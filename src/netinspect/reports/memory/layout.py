"""Layout of the `memory` report: the peak, the timeline, modules and batch sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.memory import BatchProbe, BatchSearch
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.records.polynomial import Polynomial
from netinspect.rendering import format_values
from netinspect.rendering.amounts import rounded, symbols_of, whole
from netinspect.rendering.columns import count_column, name_column, share_column, size_column
from netinspect.rendering.document import (
    Column,
    Document,
    Table,
    make_row,
    make_table,
)
from netinspect.reports.memory.layout_notes import notes
from netinspect.reports.memory.record import Amounts, Memory, MemoryModule, MemoryPoint

_CATEGORIES = {
    "parameters": "█",
    "buffers": "█",
    "inputs": "█",
    "gradients": "▓",
    "optimizer_states": "▓",
    "activations": "▒",
    "temporaries": "░",
}
"""Field of `Amounts` and bar character of each category."""

_AMOUNT_DROPS = dict(zip(_CATEGORIES, (6, 9, 10, 5, 4, 3, 7), strict=True))
_BAR = 24
"""Width in characters of a bar as high as the peak."""


class _HasTotal(Protocol):
    """A row with bytes, and with expressions of them if there are symbols."""

    @property
    def total(self) -> int:
        """Bytes of the row."""

    @property
    def expressions(self) -> AmountExpressions | None:
        """Expressions by category and of their sum; None without symbols."""


class _HasAmounts(_HasTotal, Protocol):
    """A row with bytes by category."""

    @property
    def amounts(self) -> Amounts:
        """Bytes by category."""


class _Share(NamedTuple):
    """One category of the memory at the peak."""

    category: str
    total: int
    expressions: AmountExpressions | None


def lay_out(report: Memory) -> Document:
    """Lay out a memory report."""
    blocks = [_peak(report), _timeline(report), _modules(report)]
    if report.peaks:
        blocks.append(_peaks(report))
    if report.search is not None:
        blocks.append(_probes(report.search))
    return Document(
        title=format_values.title(report.header), blocks=tuple(blocks), notes=tuple(notes(report))
    )


def _bytes_columns(
    report: Memory, *, expression_drop: int = 0, field: Callable[[Any], str] = lambda row: "total"
) -> tuple[Column[_HasTotal], Column[_HasTotal], Column[_HasTotal]]:
    """Return the columns `bytes`, `share` and `expression` of a row.

    Args:
        report: The report.
        expression_drop: Order in which the column `expression` is dropped.
        field: Returns the field of the expressions for the bytes of a row.
    """
    return (
        size_column("bytes", lambda row: row.total),
        share_column("share", lambda row: _share(row.total, report), drop=1),
        Column(
            key="expression",
            value=lambda row: whole(_expression(row.expressions, field(row))),
            text=lambda row: _format_expression(row.expressions, field(row)),
            align="right",
            drop=expression_drop,
            shown=_has_expressions(report),
        ),
    )


def _amount_column(category: str, *, shown: bool = True) -> Column[_HasAmounts]:
    return size_column(
        category,
        lambda row: getattr(row.amounts, category),
        drop=_AMOUNT_DROPS[category],
        shown=shown,
        zero="-",
    )


def _share(size: int, report: Memory) -> float:
    return size / report.peak.total if report.peak.total else 0.0


def _has_expressions(report: Memory) -> bool:
    return report.peak.expressions is not None and bool(symbols_of(report.header))


def _expression(expressions: AmountExpressions | None, field: str) -> Polynomial | None:
    found: Polynomial | None = None if expressions is None else getattr(expressions, field)
    return found


def _format_expression(expressions: AmountExpressions | None, field: str) -> str:
    if expressions is None:
        return "-"
    return rounded(_expression(expressions, field), units.size)


def _peak(report: Memory) -> Table:
    peak = report.peak
    columns: tuple[Column[_Share], ...] = (
        Column(
            key="category",
            value=lambda row: row.category,
            text=lambda row: f"{_CATEGORIES[row.category]} {row.category.replace('_', ' ')}",
        ),
        *_bytes_columns(report, field=lambda share: share.category),
    )
    shares = [
        _Share(category, getattr(peak.amounts, category), peak.expressions) for category in _CATEGORIES
    ]
    total = {
        "category": "  peak",
        "bytes": units.size(peak.total),
        "share": "100.0 %",
        "expression": _format_expression(peak.expressions, "total"),
    }
    return make_table(
        "peak by category",
        columns,
        [share for share in shares if share.total],
        footer=(make_row(columns, total, "bold"),),
    )


def _timeline(report: Memory) -> Table:
    total, _, expression = _bytes_columns(report, expression_drop=3)
    columns: tuple[Column[MemoryPoint], ...] = (
        Column(key="step", value=lambda point: point.index, align="right", drop=2),
        *_run_columns(report),
        total,
        *(_amount_column(category, shown=False) for category in _CATEGORIES),
        Column(
            key="share",
            value=lambda point: round(_share(point.total, report), 6),
            text=lambda point: _bar(point, report.peak),
        ),
        expression,
    )
    return make_table(
        "timeline",
        columns,
        report.timeline,
        style=lambda point: "bold" if point.index == report.peak.index else "",
    )


def _run_columns(report: Memory) -> tuple[Column[MemoryPoint | PeakRange], ...]:
    """Return the columns of the phase, iteration, module and operation of a moment in the run."""
    return (
        Column(key="phase", value=lambda point: point.phase, text=lambda point: _phase(point, report)),
        Column(key="iteration", value=lambda point: point.iteration, align="right", shown=False),
        Column(
            key="module",
            value=lambda point: point.module,
            text=lambda point: point.module or "-",
            min_width=12,
            elide="middle",
        ),
        Column(
            key="operation",
            value=lambda point: point.operation,
            text=lambda point: point.operation or "-",
            drop=1,
            min_width=16,
        ),
    )


def _phase(point: MemoryPoint | PeakRange, report: Memory) -> str:
    return f"{point.phase} {point.iteration}" if report.training and point.iteration else point.phase


def _bar(point: MemoryPoint, peak: MemoryPoint) -> str:
    """Format the categories of a point as a bar whose length is its share of the peak."""
    drawn, reached = "", 0
    for category, character in _CATEGORIES.items():
        reached += getattr(point.amounts, category)
        cells = round(_BAR * reached / peak.total) if peak.total else 0
        drawn += character * (cells - len(drawn))
    return drawn + (" <peak" if point.index == peak.index else "")


def _modules(report: Memory) -> Table:
    columns: tuple[Column[MemoryModule], ...] = (
        name_column(
            "path",
            lambda module: module.path,
            text=lambda module: module.path or "(the model itself)",
            min_width=18,
        ),
        Column(key="class", value=lambda module: module.class_name, drop=8),
        *_total_columns(report),
    )
    footer = []
    if report.hidden_modules:
        rest = {
            "path": units.plural(report.hidden_modules, "more module"),
            "bytes": units.size(report.hidden_bytes),
            "share": units.percent(_share(report.hidden_bytes, report)),
        }
        footer.append(make_row(columns, rest, "bold"))
    peak = {column.key: column.make_cell(report.peak).text for column in _total_columns(report)}
    footer.append(make_row(columns, {"path": "peak", **peak}, "bold"))
    return make_table("modules at the peak", columns, report.modules, footer=footer)


def _total_columns(report: Memory) -> tuple[Column[_HasAmounts], ...]:
    return (
        *_bytes_columns(report, expression_drop=2),
        # Categories without memory at the peak are hidden from people, not from programs.
        *(
            _amount_column(category, shown=bool(getattr(report.peak.amounts, category)))
            for category in _CATEGORIES
        ),
    )


def _peaks(report: Memory) -> Table:
    (symbol,) = symbols_of(report.header)
    phase, iteration, module, operation = _run_columns(report)
    columns: tuple[Column[PeakRange], ...] = (
        count_column("from", lambda peak: peak.first),
        Column(
            key="to",
            value=lambda peak: peak.last,
            text=lambda peak: "and more" if peak.last is None else units.count(peak.last),
            align="right",
        ),
        Column(
            key="peak",
            value=lambda peak: whole(peak.expressions.total),
            text=lambda peak: rounded(peak.expressions.total, units.size),
            style=lambda peak: "bold",
            align="right",
        ),
        phase,
        iteration,
        replace(module, drop=2),
        operation,
        *map(_expression_column, _CATEGORIES),
    )
    return make_table(f"peak for any {symbol.symbol}", columns, report.peaks)


def _expression_column(category: str) -> Column[PeakRange]:
    return Column(
        key=category,
        value=lambda peak: whole(_expression(peak.expressions, category)),
        text=lambda peak: _format_expression(peak.expressions, category),
        align="right",
        shown=False,
    )


def _probes(search: BatchSearch) -> Table:
    columns: tuple[Column[BatchProbe], ...] = (
        count_column("batch", lambda probe: probe.batch),
        size_column("peak", lambda probe: probe.bytes),
        Column(
            key="fits",
            value=lambda probe: probe.bytes <= search.limit,
            text=lambda probe: "yes" if probe.bytes <= search.limit else "no",
        ),
    )
    return make_table(
        f"batches in {units.size(search.limit)}",
        columns,
        sorted(search.probes, key=lambda probe: probe.batch),
        style=lambda probe: "bold" if probe.batch == search.found else "",
    )
