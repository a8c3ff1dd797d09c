"""Layout of the `cost` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.report_header import ReportHeader
from netinspect.records.work import Cost, sum_of
from netinspect.rendering import format_values
from netinspect.rendering.amounts import (
    amount,
    cost_column,
    exact,
    in_words,
    lower_bound,
    own_sizes,
    uncounted_column,
)
from netinspect.rendering.columns import name_column, share_column
from netinspect.rendering.document import (
    Cell,
    Column,
    Document,
    Legend,
    Line,
    Row,
    cell,
    line,
    make_row,
    make_table,
)
from netinspect.reports.cost.record import CostReport, CostRow

_LEGENDS = (
    Legend(
        text="MACs: multiply-accumulates of matrix products, convolutions, attention, recurrent "
        "kernels; no bias",
        about=("macs",),
    ),
    Legend(text="FLOPs: two for each MAC", about=("flops",)),
    Legend(text="other FLOPs: the arithmetic of operators without MACs", about=("other_flops",)),
    Legend(text="activations: elements of the outputs of operators with MACs", about=("activations",)),
    Legend(text="read, written: each tensor once, whole", about=("read", "written")),
    Legend(text="intensity: FLOPs for each byte read or written", about=("intensity",)),
)


def lay_out(report: CostReport) -> Document:
    """Lay out the costs: a table of the groups, and notes on the total."""
    columns = _columns(report)
    footer = [_total(report, columns)]
    if report.hidden:
        footer.insert(0, _shown(report, columns))
    table = make_table("cost", columns, report.rows, footer=footer)
    forward = _in_words(report.total, report.header, partly=report.partly)
    notes: list[Line] = [line((f"forward: {forward}", "total"))]
    if report.backward is not None:
        notes.append(line((f"backward: {_in_words(report.backward, report.header)}", "total")))
    notes += _omission_notes(report)
    if report.hidden:
        least = "at least " if report.rest.uncounted else ""
        notes.append(
            line(
                f"{units.plural(report.hidden, 'row')} not shown, with {least}"
                f"{in_words(report.rest, 'macs', 'MAC', report.header)}"
            )
        )
    if report.header.symbolic is not None and report.header.symbolic.symbols:
        at = own_sizes(report.header)
        notes.append(line((f"order, share and intensity are those at {at}", "hint")))
    return Document(
        title=format_values.title(report.header),
        blocks=(table,),
        legends=_LEGENDS,
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _columns(report: CostReport) -> tuple[Column[CostRow], ...]:
    """Return the columns; the first one is named after the grouping."""
    of_modules = report.by in ("module", "class")
    header = report.header
    columns: list[Column[CostRow]] = [
        name_column(report.by, lambda row: row.key, text=lambda row: _name(row, report), min_width=30),
    ]
    if report.by == "module":
        columns.append(Column(key="class", value=lambda row: row.class_name, drop=7, min_width=14))
    elif report.by == "operator":
        columns.append(
            Column(
                key="kind",
                value=lambda row: row.class_name,
                text=lambda row: row.class_name.replace("_", " "),
                drop=7,
                min_width=14,
            )
        )
    columns += [
        Column(key="calls", value=lambda row: row.calls, align="right", drop=6),
        cost_column("macs", header, total=report.total),
        share_column("share", lambda row: row.share, drop=2, zero="-"),
        cost_column("flops", header, drop=5),
        cost_column("other_flops", header, drop=4),
        Column(
            key="params",
            value=lambda row: row.parameters,
            text=lambda row: units.count(row.parameters) if row.parameters else "-",
            align="right",
            drop=3,
            shown=of_modules,
        ),
        cost_column("activations", header, drop=8),
        cost_column("read", header, field="bytes_read", drop=9),
        cost_column("written", header, field="bytes_written", drop=10),
        Column(
            key="intensity",
            value=lambda row: round(row.cost.intensity, 6),
            text=lambda row: _intensity(row.cost) if row.cost.intensity else "-",
            align="right",
            drop=11,
        ),
        uncounted_column(shown=bool(report.uncounted)),
    ]
    return tuple(columns)


def _name(row: CostRow, report: CostReport) -> str:
    if report.by == "module":
        return row.key or row.class_name
    if report.by == "line":
        return format_values.place(row.called_at) or row.key
    return row.key.replace("_", " ") if report.by == "kind" else row.key


def _total(report: CostReport, columns: tuple[Column[CostRow], ...]) -> Row:
    cells = _sum_cells(report, report.total, partly=report.partly)
    parameters = cell(report.parameters, units.count(report.parameters))
    return make_row(columns, {report.by: "total", "params": parameters, **cells}, "total")


def _sum_cells(report: CostReport, cost: Cost, *, partly: bool = False) -> dict[str, Cell | str]:
    """Return the cells of a sum of costs, by the keys of their columns."""

    def number(name: str) -> Cell:
        text = amount(cost, name, report.header, zero="-", partly=partly)
        return cell(exact(cost, name, report.header), text)

    share = cost.macs / report.total.macs if report.total.macs else 0.0
    return {
        "macs": number("macs"),
        "share": cell(round(share, 6), units.percent(share) if report.total.macs else "-"),
        "flops": number("flops"),
        "other_flops": number("other_flops"),
        "activations": number("activations"),
        "read": number("bytes_read"),
        "written": number("bytes_written"),
        "intensity": cell(round(cost.intensity, 6), _intensity(cost)),
        "uncounted": cell(cost.uncounted_flops, str(cost.uncounted_flops or "")),
    }


def _intensity(cost: Cost) -> str:
    return lower_bound(cost, "intensity") + units.decimal(cost.intensity)


def _shown(report: CostReport, columns: tuple[Column[CostRow], ...]) -> Row:
    label = f"{units.plural(len(report.rows), 'row')} shown"
    cells = _sum_cells(report, sum_of(row.cost for row in report.rows))
    if report.by in ("module", "class"):
        parameters = sum(row.parameters or 0 for row in report.rows)
        cells["params"] = cell(parameters, units.count(parameters))
    return make_row(columns, {report.by: label, **cells}, "total")


def _in_words(cost: Cost, header: ReportHeader, *, partly: bool = False) -> str:
    least = "at least " if cost.uncounted or partly else ""
    other = "at least " if cost.uncounted_flops or partly else ""
    return (
        f"{least}{in_words(cost, 'macs', 'MAC', header)}, {in_words(cost, 'flops', 'FLOP', header)}; "
        f"{other}{in_words(cost, 'other_flops', 'other FLOP', header)}"
    )


def _omission_notes(report: CostReport) -> list[Line]:
    """Return notes on work that the total does not include."""
    notes = []
    for phase in ("forward", "backward"):
        for of_macs, what in ((True, "MACs"), (False, "other FLOPs")):
            names = [
                f"{each.operator} ({units.plural(each.calls, 'call')})"
                for each in report.uncounted
                if each.phase == phase and each.macs == of_macs
            ]
            if names:
                where = "" if phase == "forward" else ", in backward"
                notes.append(line((f"not counted, {what}{where}: {', '.join(names)}", "warning")))
    if report.partly:
        text = "a lower bound: some of the model ran where its operators could not be seen"
        notes.append(line((text, "warning")))
    if report.partly or report.total.uncounted:
        notes.append(line(("shares are those of what was counted", "hint")))
    return notes
