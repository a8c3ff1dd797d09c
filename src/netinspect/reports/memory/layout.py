"""Layout of the `memory` report: the peak, the timeline, modules and batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.memory import BatchProbe, BatchSearch
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.records.polynomial import Polynomial
from netinspect.rendering import format_values
from netinspect.rendering.amounts import rounded, symbols_of, whole
from netinspect.rendering.bars import bar
from netinspect.rendering.columns import count_column, name_column, share_column, size_column
from netinspect.rendering.document import (
    Cell,
    Column,
    Document,
    Row,
    Table,
    cell,
    make_row,
    make_table,
)
from netinspect.rendering.styles import StyleName
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
_BAR = 30
"""Width in characters of a bar for the whole peak."""

_SMALL = 0.01
"""Share of the peak below which categories are shown together."""

_HOLDERS = 5
"""Number of modules that are shown by default."""


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
    """The memory of some categories at the peak, usually of one."""

    categories: tuple[str, ...]
    total: int
    expressions: AmountExpressions | None

    @property
    def category(self) -> str:
        """Name of the categories."""
        return ", ".join(self.categories)


def lay_out(report: Memory) -> Document:
    """Lay out a memory report."""
    blocks = [_composition(report), _timeline(report), _modules(report)]
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
        # The table of categories has bars of its own, and the others need their columns.
        replace(share_column("share", lambda row: _share(row.total, report), drop=1), bar=None),
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


def _composition(report: Memory) -> Table:
    peak = report.peak
    total, share, expression = _bytes_columns(report, field=lambda share: share.categories[0])
    columns: tuple[Column[_Share], ...] = (
        Column(key="category", value=lambda row: row.category, text=_categories),
        total,
        replace(
            share,
            align="left",
            text=lambda row: _share_and_bar(row, report),
            style=lambda _: "bar",
            drop=0,
        ),
        expression,
    )
    rows = [
        _Share((category,), getattr(peak.amounts, category), peak.expressions)
        for category in _CATEGORIES
    ]
    rows = [row for row in rows if row.total]
    small = [row for row in rows if _share(row.total, report) < _SMALL]
    if report.fold and len(small) > 1 and not _has_expressions(report):
        together = _Share(
            tuple(row.category for row in small), sum(row.total for row in small), peak.expressions
        )
        shown = [*(row for row in rows if row not in small), together]
    else:
        shown = rows
    return make_table("", columns, rows, folded=make_table("", columns, shown).rows)


def _categories(row: _Share) -> str:
    return row.category.replace("_", " ")


def _share_and_bar(row: _Share, report: Memory) -> str:
    share = _share(row.total, report)
    return f"{units.percent(share):>7}  {bar(share, _BAR, _CATEGORIES[row.categories[0]])}"


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
        style=lambda point: "total" if point.index == report.peak.index else "",
        folded=() if report.fold else None,
    )


def _run_columns(report: Memory) -> tuple[Column[MemoryPoint | PeakRange], ...]:
    """Return the columns of the phase, iteration, module and operation of a moment in the run."""
    return (
        Column(key="phase", value=lambda point: point.phase, text=lambda point: _phase(point, report)),
        Column(
            key="iteration",
            value=lambda point: point.iteration,
            align="right",
            shown=False,
            in_plain=True,
        ),
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
            min_width=34 if report.fold else 18,
        ),
        Column(key="class", value=lambda module: module.class_name, drop=8),
        *_total_columns(report),
        Column(key="repeat_of", value=lambda module: module.repeat_of, shown=False),
    )
    if report.fold:
        return make_table(
            "modules at the peak",
            columns,
            report.modules,
            folded=list(_largest(columns, report)),
        )
    footer = []
    if report.hidden_modules:
        footer.append(_rest(columns, report.hidden_modules, report.hidden_bytes, report, "total"))
    peak = {column.key: column.make_cell(report.peak).text for column in _total_columns(report)}
    footer.append(make_row(columns, {"path": "peak", **peak}, "total"))
    return make_table("modules at the peak", columns, report.modules, footer=footer)


def _largest(columns: Sequence[Column[Any]], report: Memory) -> Iterator[Row]:
    """Yield the rows of the largest modules, identical ones together, and a row for the others."""
    groups = [
        list(group) for _, group in groupby(report.modules, lambda each: each.repeat_of or each.path)
    ]
    shown = groups[: _HOLDERS if report.top is None else report.top or None]
    for group in shown:
        yield from make_table("", columns, [_holder(group)]).rows
    left = [module for group in groups[len(shown) :] for module in group]
    if number := len(left) + report.hidden_modules:
        size = sum(module.total for module in left) + report.hidden_bytes
        yield _rest(columns, number, size, report, "hint")


def _holder(group: Sequence[MemoryModule]) -> MemoryModule:
    """Return the memory of the modules at one place of identical blocks as that of one module."""
    if len(group) == 1:
        return group[0]
    return replace(
        group[0],
        path=units.run_path(group[0].path, group[-1].path, len(group)),
        total=sum(module.total for module in group),
        amounts=Amounts(
            **{
                category: sum(getattr(module.amounts, category) for module in group)
                for category in _CATEGORIES
            }
        ),
    )


def _rest(
    columns: Sequence[Column[Any]], number: int, size: int, report: Memory, style: StyleName
) -> Row:
    rest: dict[str, Cell | str] = {
        "path": cell(None, units.plural(number, "more module"), style),
        "bytes": units.size(size),
        "share": units.percent(_share(size, report)),
    }
    return make_row(columns, rest, style)


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
            style=lambda peak: "total",
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
        style=lambda probe: "total" if probe.batch == search.found else "",
    )
