"""Layout of the `summary` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.analysis.repeats import fold_paths
from netinspect.records.base import replace
from netinspect.records.modules import DEEPEST
from netinspect.records.report_header import ReportHeader
from netinspect.records.work import Cost
from netinspect.rendering import format_values
from netinspect.rendering.amounts import amount, cost_column, exact, in_words, uncounted_column
from netinspect.rendering.columns import count_column, name_column, share_column
from netinspect.rendering.document import (
    Cell,
    Column,
    Document,
    Legend,
    Line,
    cell,
    line,
    make_row,
    make_table,
)
from netinspect.rendering.layer_facts import without_defaults
from netinspect.rendering.styles import StyleName
from netinspect.reports.shared.folding import fold_rows
from netinspect.reports.summary.checkpoint_record import CheckpointSummary
from netinspect.reports.summary.record import Sizes, Summary, SummaryRow

_NAMED = 4
"""Maximum number of never-called modules, or groups of them, named in a note."""


def _columns(report: Summary) -> tuple[Column[SummaryRow], ...]:
    return (
        name_column(
            "path",
            lambda row: row.path if row.kind == "module" else f"{row.path}:{row.name}",
            text=lambda row: _name(row, report),
            tree=True,
            min_width=24,
        ),
        Column(
            key="class",
            value=lambda row: row.class_name,
            text=lambda row: row.class_name if row.kind == "module" else "function",
            link=lambda row: row.defined_at,
            drop=3,
            min_width=10,
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
            drop=2,
            min_width=20,
        ),
        Column(
            key="params",
            value=lambda row: row.parameters,
            text=lambda row: _times(row, report, _parameters(row)),
            style=lambda row: "tied" if _parameters(row) == "tied" else "",
            align="right",
        ),
        share_column(
            "share",
            lambda row: row.share,
            drop=4,
            zero="-",
            in_other=lambda row: _parameters(row) == "tied",
        ),
        Column(
            key="trainable",
            value=lambda row: row.trainable,
            text=lambda row: "-" if row.trainable == "none" else row.trainable,
            style=lambda row: "" if row.trainable in ("yes", "none") else "frozen",
            drop=1,
            hide_if_all=lambda row: row.trainable in ("yes", "none"),
        ),
        Column(
            key="bytes",
            value=lambda row: row.bytes,
            text=lambda row: _times(row, report, units.size(row.bytes) if row.bytes else "-"),
            align="right",
            drop=10,
        ),
        Column(
            key="calls",
            value=lambda row: row.calls,
            text=lambda row: _calls(row, report),
            align="right",
            drop=6,
            hide_if_all=lambda row: row.calls <= 1 or row.kind == "function",
        ),
        Column(key="kind", value=lambda row: row.kind, shown=False),
        Column(
            key="extra_repr",
            value=lambda row: row.extra_repr,
            text=lambda row: without_defaults(row.class_name, row.extra_repr) or "-",
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
        replace(
            cost_column("macs", report.header, drop=1, shown=report.counted != "no", total=report.cost),
            text=lambda row: _macs(row, report),
        ),
        cost_column("flops", report.header, shown=False),
        cost_column("activations", report.header, shown=False),
        uncounted_column(shown=False),
        count_column("own_params", lambda row: row.own_parameters, shown=False),
        count_column("repeats", lambda row: row.repeats, shown=False),
        Column(key="repeat_of", value=lambda row: row.repeat_of, shown=False),
    )


def lay_out(report: Summary) -> Document:
    """Lay out the summary: a table of the module tree, and notes on the run."""
    columns = _columns(report)
    totals, partly = report.totals, report.counted == "partly"
    texts = _total(
        "total", totals.parameters, 1.0, totals.bytes, report.cost, report.header, partly=partly
    )
    # The first row of a tree is its total.
    footer = [make_row(columns, texts, "total")] if report.flat else []
    if report.hidden:
        shown = report.shown
        share = shown.parameters / totals.parameters if totals.parameters else 0.0
        label = f"{units.plural(len(report.rows), 'row')} shown"
        texts = _total(label, shown.parameters, share, shown.bytes, shown.cost, report.header)
        footer.insert(0, make_row(columns, texts, "total"))
    notes = format_values.total_notes(report.totals, report.ties)
    if report.counted != "no" and report.header.failure is None:
        least = "at least " if report.cost.uncounted or partly else ""
        notes.append(
            line(f"{least}{in_words(report.cost, 'macs', 'MAC', report.header)}, two FLOPs each")
        )
    if report.sizes is not None:
        notes.append(_size_note(report.sizes, totals.bytes))
    if report.hidden:
        notes.append(
            line(
                f"{units.plural(report.hidden, 'row')} not shown, with "
                f"{units.plural(totals.parameters - report.shown.parameters, 'parameter')}"
            )
        )
    folded = sum(row.folded for row in report.rows)
    if folded:
        # Without --depth, rows end at the deepest level that a trace can have.
        ends = max(row.depth for row in report.rows) >= DEEPEST
        shows = f"deeper than {DEEPEST} levels" if ends else "--depth 0 shows all"
        notes.append(line(f"{units.plural(folded, 'module')} below these levels ({shows})"))
    if report.unused:
        names = fold_paths(report.unused)
        more = len(names) - _NAMED
        further = f" and {units.count(more)} more (--format json)" if more > 0 else ""
        size = units.plural(report.unused_parameters, "parameter")
        text = f"never called: {', '.join(names[:_NAMED])}{further}, with {size}"
        notes.append(line((text, "warning")))
    return Document(
        title=format_values.title(report.header),
        legends=(Legend(text="share: of the parameters", about=("share",)),),
        blocks=(
            make_table(
                "summary",
                columns,
                report.rows,
                style=_style,
                level=lambda row: 0 if report.flat else row.depth,
                folded=fold_rows(report.rows) if _folds(report) else None,
                footer=footer,
            ),
        ),
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def never_called_text(report: Summary | CheckpointSummary) -> str:
    """Return a message on all modules that were never called, also those without parameters."""
    if not isinstance(report, Summary) or not report.never_called:
        return ""
    return f"never called: {', '.join(fold_paths(report.never_called))}"


def _name(row: SummaryRow, report: Summary) -> str:
    name = (row.path if report.flat and row.kind == "module" else row.name) or row.class_name
    if _folds(report):
        name = units.run_name(name, row.last_name, row.repeats)
    if row.itself:
        name += " (itself)"
    return name + (f" (= {row.alias_of})" if row.alias_of is not None else "")


def _size_note(sizes: Sizes, parameters: int) -> Line:
    """Return the sizes of a run as torchinfo adds them up: outputs twice, for their gradients."""
    total = sizes.inputs + 2 * sizes.layer_outputs + parameters
    return line(
        f"size: {units.size(total)} = input {units.size(sizes.inputs)} + layer outputs and gradients "
        f"2 x {units.size(sizes.layer_outputs)} + parameters {units.size(parameters)}"
    )


def _folds(report: Summary) -> bool:
    return report.fold and not report.flat


def _times(row: SummaryRow, report: Summary, text: str) -> str:
    """Return an amount of one module; for a folded run, as `12 x 7,087,872`."""
    return units.times(row.repeats, text) if _folds(report) and text not in ("-", "tied") else text


def _macs(row: SummaryRow, report: Summary) -> str:
    # If some operators were not visible, it is not known in which modules they ran.
    partly = report.counted == "partly" and row.depth == 0
    return amount(row.cost, "macs", report.header, zero="-", partly=partly)


def _output(row: SummaryRow) -> str:
    if row.output is None:
        return "FAILED" if row.failed else "-"
    others = f" +{row.shapes - 1} other" if row.shapes > 1 else ""
    return format_values.in_table(row.output) + others


def _parameters(row: SummaryRow) -> str:
    if row.alias_of is not None or (row.tied and row.parameters in (0, row.tied)):
        return "tied"
    return units.count(row.parameters) if row.parameters else "-"


def _calls(row: SummaryRow, report: Summary) -> str:
    if row.kind == "function" or not report.header.ran:
        return "-"
    if report.order == "calls":
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
) -> dict[str, Cell | str]:
    def number(name: str, zero: str | None = None) -> Cell:
        return cell(exact(cost, name, header), amount(cost, name, header, zero=zero, partly=partly))

    return {
        "path": label,
        "params": cell(parameters, units.count(parameters)),
        "share": cell(round(share, 6), units.percent(share)),
        "bytes": cell(size, units.size(size)),
        "macs": number("macs", "-"),
        "flops": number("flops"),
        "activations": number("activations"),
        "uncounted": cell(cost.uncounted_flops, str(cost.uncounted_flops or "")),
    }
