"""Layout of the `summary` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.modules import DEEPEST
from netinspect.records.report_header import ReportHeader
from netinspect.records.work import Cost, sum_of
from netinspect.rendering import format_values
from netinspect.rendering.amounts import amount, cost_column, in_words, uncounted_column
from netinspect.rendering.columns import count_column, name_column, share_column, size_column
from netinspect.rendering.document import (
    Column,
    Document,
    line,
    make_row,
    make_table,
)
from netinspect.rendering.styles import StyleName
from netinspect.reports.summary.record import Summary, SummaryRow

_NAMED = 4
"""Maximum number of never-called modules named in a note."""


def _columns(report: Summary) -> tuple[Column[SummaryRow], ...]:
    return (
        name_column(
            "path",
            lambda row: row.path if row.kind == "module" else f"{row.path}:{row.name}",
            text=lambda row: _name(row, report),
            style=lambda row: _style(row) or ("name" if row.kind == "module" else ""),
            tree=True,
            min_width=30,
        ),
        Column(
            key="class",
            value=lambda row: row.class_name,
            text=lambda row: row.class_name if row.kind == "module" else "function",
            link=lambda row: row.defined_at,
            drop=2,
            min_width=18,
        ),
        Column(
            key="input",
            value=lambda row: format_values.values(row.inputs) if row.inputs else None,
            drop=8,
            min_width=20,
        ),
        Column(
            key="output",
            value=lambda row: None if row.output is None else format_values.value(row.output),
            text=_output,
            style=lambda row: "failed" if row.failed else "",
            min_width=22,
        ),
        Column(key="params", value=lambda row: row.parameters, text=_parameters, align="right"),
        share_column("share", lambda row: row.share, drop=4, zero="-"),
        Column(
            key="trainable",
            value=lambda row: row.trainable,
            text=lambda row: "-" if row.trainable == "none" else row.trainable,
            drop=5,
        ),
        count_column("total_params", lambda row: row.total_parameters, drop=9, zero="-"),
        size_column("bytes", lambda row: row.bytes, drop=10, zero="-"),
        Column(
            key="calls",
            value=lambda row: row.calls,
            text=lambda row: _calls(row, report),
            align="right",
            drop=6,
        ),
        Column(key="kind", value=lambda row: row.kind, shown=False),
        Column(
            key="extra_repr",
            value=lambda row: row.extra_repr,
            text=lambda row: row.extra_repr or "-",
            drop=11,
            min_width=24,
        ),
        Column(
            key="called_at",
            value=lambda row: format_values.full_place(row.called_at),
            text=lambda row: format_values.place(row.called_at) or "-",
            link=lambda row: format_values.full_place(row.called_at),
            drop=12,
        ),
        count_column("tied", lambda row: row.tied, shown=False, zero="-"),
        # Without a run, the cost columns would be empty.
        cost_column("macs", report.header, drop=3, shown=report.counted != "no"),
        cost_column("flops", report.header, shown=False),
        cost_column("activations", report.header, shown=False),
        uncounted_column(shown=False),
    )


def lay_out(report: Summary) -> Document:
    """Lay out the summary: a table of the module tree, and notes on the run."""
    columns = _columns(report)
    totals, partly = report.totals, report.counted == "partly"
    texts = _total(
        "total", totals.parameters, 1.0, totals.bytes, report.cost, report.header, partly=partly
    )
    footer = [make_row(columns, texts, "total")]
    if report.hidden:
        shown = sum(row.parameters for row in report.rows)
        share = shown / report.totals.parameters if report.totals.parameters else 0.0
        size = sum(row.bytes for row in report.rows)
        label = f"{units.plural(len(report.rows), 'row')} shown"
        cost = sum_of(row.cost for row in report.rows)
        texts = _total(label, shown, share, size, cost, report.header)
        footer.insert(0, make_row(columns, texts, "total"))
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
        # Without --depth, rows end at the deepest level that a trace can have.
        ends = max(row.depth for row in report.rows) >= DEEPEST
        shows = f"deeper than {DEEPEST} levels" if ends else "--depth 0 shows all"
        notes.append(line(f"{units.plural(folded, 'module')} below these levels ({shows})"))
    if report.never_called:
        named, more = ", ".join(report.never_called[:_NAMED]), len(report.never_called) - _NAMED
        further = f" and {units.count(more)} more (--format json)" if more > 0 else ""
        notes.append(line(f"never called: {named}{further}"))
    return Document(
        title=format_values.title(report.header),
        blocks=(
            make_table(
                "summary",
                columns,
                report.rows,
                style=_style,
                level=lambda row: 0 if report.flat else row.depth,
                footer=footer,
            ),
        ),
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _name(row: SummaryRow, report: Summary) -> str:
    name = row.path if report.flat and row.kind == "module" else row.name
    return (name or row.class_name) + (f" (= {row.alias_of})" if row.alias_of is not None else "")


def _output(row: SummaryRow) -> str:
    if row.output is None:
        return "FAILED" if row.failed else "-"
    others = f" +{row.shapes - 1} other" if row.shapes > 1 else ""
    return format_values.value(row.output) + others


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


def _style(row: SummaryRow) -> StyleName:
    if row.failed:
        return "failed"
    return "function" if row.kind == "function" else ""


def _total(
    label: str,
    parameters: int,
    share: float,
    size: int,
    cost: Cost,
    header: ReportHeader,
    *,
    partly: bool = False,
) -> dict[str, str]:
    return {
        "path": label,
        "params": units.count(parameters),
        "share": units.percent(share),
        "bytes": units.size(size),
        "macs": amount(cost, "macs", header, zero="-", partly=partly),
        "flops": amount(cost, "flops", header, partly=partly),
        "activations": amount(cost, "activations", header, partly=partly),
        "uncounted": str(cost.uncounted_flops or ""),
    }
