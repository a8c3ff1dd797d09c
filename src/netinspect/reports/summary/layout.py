"""The view of `summary`."""

from __future__ import annotations

from dataclasses import replace

from netinspect._utils import units
from netinspect.records.modules import DEEPEST
from netinspect.records.report_header import ReportHeader
from netinspect.records.work import Cost, sum_of
from netinspect.rendering import format_values
from netinspect.rendering.amounts import amount, exact, in_words
from netinspect.rendering.document import Cell, Column, Document, Row, Table, branches, cell, line
from netinspect.reports.summary.record import Summary, SummaryRow

_NAMED = 4
"""Of the modules that were never called."""

_COLUMNS = (
    Column(key="path", title="layer", least=30, elide="middle"),
    Column(key="class", drop=2, least=18),
    Column(key="input", drop=8, least=20),
    Column(key="output", least=22),
    Column(key="params", align="right"),
    Column(key="share", align="right", drop=4),
    Column(key="trainable", drop=5),
    Column(key="branch", title="with children", align="right", drop=9),
    Column(key="bytes", title="size", align="right", drop=10),
    Column(key="calls", align="right", drop=6),
    Column(key="kind", shown=False),
    Column(key="extra", title="made with", drop=11, least=24),
    Column(key="place", title="called at", drop=12),
    Column(key="tied", align="right", shown=False),
    Column(key="macs", title="MACs", align="right", drop=3),
    Column(key="flops", title="FLOPs", align="right", shown=False),
    Column(key="activations", align="right", shown=False),
    Column(key="uncounted", align="right", shown=False),
)


def lay_out(report: Summary) -> Document:
    """Lay a summary out."""
    rows = tuple(Row(cells=_cells(row, report), style=_style(row)) for row in report.rows)
    shown = sum(row.parameters for row in report.rows)
    totals, partly = report.totals, report.counted == "partly"
    footer = [
        _total("total", totals.parameters, 1.0, totals.bytes, report.cost, report.header, partly=partly)
    ]
    if report.hidden:
        share = shown / report.totals.parameters if report.totals.parameters else 0.0
        size = sum(row.bytes for row in report.rows)
        label = f"{units.plural(len(report.rows), 'row')} shown"
        cost = sum_of(row.cost for row in report.rows)
        footer.insert(0, _total(label, shown, share, size, cost, report.header))
    notes = format_values.total_notes(report.totals, report.ties)
    if report.counted != "no" and report.header.failure is None:
        least = "at least " if report.cost.uncounted or partly else ""
        notes.append(
            line(f"{least}{in_words(report.cost, 'macs', 'MAC', report.header)}, two FLOPs each")
        )
    if report.hidden:
        notes.append(
            line(
                f"{units.plural(report.hidden, 'row')} not shown, with "
                f"{units.plural(report.hidden_parameters, 'parameter')}"
            )
        )
    folded = sum(row.folded for row in report.rows)
    if folded:
        # Without a limit of the user's, rows end at the deepest level that there is.
        ends = max(row.depth for row in report.rows) >= DEEPEST
        shows = f"deeper than {DEEPEST} levels" if ends else "--depth 0 shows all"
        notes.append(line(f"{units.plural(folded, 'module')} inside folded rows ({shows})"))
    if report.never_called:
        named, more = ", ".join(report.never_called[:_NAMED]), len(report.never_called) - _NAMED
        further = f" and {units.count(more)} more (--format json)" if more > 0 else ""
        notes.append(line(f"never called: {named}{further}"))
    return Document(
        title=format_values.title(report.header),
        blocks=(Table(name="summary", columns=_columns(report), rows=rows, footer=tuple(footer)),),
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _columns(report: Summary) -> tuple[Column, ...]:
    """The columns; without a forward there is no cost to show."""
    if report.counted != "no":
        return _COLUMNS
    return tuple(replace(column, shown=False) if column.key == "macs" else column for column in _COLUMNS)


def _cells(row: SummaryRow, report: Summary) -> tuple[Cell, ...]:
    is_module = row.kind == "module"
    name = row.path if report.flat and is_module else row.name
    output = format_values.value(row.output) if row.output is not None else "-"
    if row.shapes > 1:
        output += f" +{row.shapes - 1} other"
    if row.failed and row.output is None:
        output = "FAILED"
    return (
        cell(
            row.path if is_module else f"{row.path}:{row.name}",
            (name or row.class_name) + (f" (= {row.alias_of})" if row.alias_of is not None else ""),
            guide="" if report.flat else branches(row.last),
            style=_style(row) or ("bold" if is_module else ""),
        ),
        cell(row.class_name, row.class_name if is_module else "function"),
        cell(format_values.values(row.inputs) if row.inputs else None),
        cell(
            format_values.value(row.output) if row.output is not None else None,
            output,
            style="bold red" if row.failed else "",
        ),
        cell(row.parameters, _parameters(row)),
        cell(round(row.share, 6), units.percent(row.share) if row.parameters else "-"),
        cell(row.trainable, "-" if row.trainable == "none" else row.trainable),
        cell(row.branch, units.count(row.branch) if row.branch else "-"),
        cell(row.bytes, units.size(row.bytes) if row.bytes else "-"),
        cell(row.calls, _calls(row, report)),
        cell(row.kind),
        cell(row.extra, row.extra or "-"),
        cell(format_values.full_place(row.place), format_values.place(row.place) or "-"),
        cell(row.tied, units.count(row.tied) if row.tied else "-"),
        *(
            cell(
                exact(row.cost, name, report.header),
                amount(row.cost, name, report.header, nothing="-"),
            )
            for name in ("macs", "flops", "activations")
        ),
        cell(row.cost.uncounted_flops, str(row.cost.uncounted_flops or "-")),
    )


def _parameters(row: SummaryRow) -> str:
    if row.alias_of is not None or (row.tied and not row.parameters):
        return "tied"
    return units.count(row.parameters) if row.parameters else "-"


def _calls(row: SummaryRow, report: Summary) -> str:
    if row.kind == "function" or not report.header.ran:
        return "-"
    if report.functions:
        return f"no. {row.calls}" if row.calls > 1 else str(row.calls)
    return str(row.calls)


def _style(row: SummaryRow) -> str:
    if row.failed:
        return "bold red"
    return "cyan" if row.kind == "function" else ""


def _total(
    label: str,
    parameters: int,
    share: float,
    size: int,
    cost: Cost,
    header: ReportHeader,
    *,
    partly: bool = False,
) -> Row:
    texts = {
        "path": label,
        "params": units.count(parameters),
        "share": units.percent(share),
        "bytes": units.size(size),
        "macs": amount(cost, "macs", header, nothing="-", partly=partly),
        "flops": amount(cost, "flops", header, partly=partly),
        "activations": amount(cost, "activations", header, partly=partly),
        "uncounted": str(cost.uncounted_flops or ""),
    }
    return Row(cells=tuple(cell(None, texts.get(column.key, "")) for column in _COLUMNS), style="bold")
