"""Layout of the `cost` report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

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
from netinspect.reports.cost.record import CostReport, CostRow, FoldedRows
from netinspect.reports.shared.folding import fold_rows

_LEGENDS = (
    Legend(
        text="MACs: multiply-accumulates of products, convolutions, attention; no bias",
        about=("macs",),
    ),
    Legend(text="share: of the MACs", about=("share",)),
    Legend(text="FLOPs: two for each MAC", about=("flops",)),
    Legend(text="other FLOPs: the arithmetic of operators without MACs", about=("other_flops",)),
    Legend(text="activations: elements of the outputs of operators with MACs", about=("activations",)),
    Legend(text="read, written: each tensor once, whole", about=("read", "written")),
    Legend(text="intensity: FLOPs for each byte read or written", about=("intensity",)),
)


def lay_out(report: CostReport) -> Document:
    """Lay out the costs: a list of the groups or the tree of modules, and notes on the total."""
    columns = _columns(report)
    shown = report.rows
    folded: Sequence[CostRow] | None = None
    folded_footer = None
    if report.folded is not None:
        shown = folded = report.folded.rows
        folded_footer = _footer(report, columns, report.folded)
    elif report.tree and report.fold:
        folded = fold_rows(report.rows)
    table = make_table(
        "cost",
        columns,
        report.rows,
        style=lambda row: "failed" if row.failed else "",
        level=lambda row: row.depth,
        # The first row of a tree is its total.
        footer=() if report.tree else _footer(report, columns, report),
        folded=folded,
        folded_footer=folded_footer,
        rest=None if report.tree else lambda count: _rest(report, shown[count:]),
    )
    forward = _in_words(report.total, report.header, partly=report.partly)
    notes: list[Line] = [line((f"forward: {forward}", "total"))]
    if report.backward is not None:
        notes.append(line((f"backward: {_in_words(report.backward, report.header)}", "total")))
    notes += _omission_notes(report)
    if report.empty:
        notes.append(
            line(f"{units.plural(report.empty, 'module')} without cost or parameters not shown")
        )
    if report.below:
        below = units.plural(report.below, "module")
        notes.append(line(f"{below} below these levels (--depth 0 shows all)"))
    if report.header.symbolic is not None and report.header.symbolic.symbols:
        at = own_sizes(report.header)
        notes.append(line((f"order, share and intensity are those at {at}", "hint")))
    return Document(
        title=format_values.title(report.header),
        blocks=(table,),
        legends=_LEGENDS,
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _rest(report: CostReport, rows: Sequence[CostRow]) -> Line:
    """Return the line for rows that a screen has no room for."""
    share = sum(row.share * row.repeats for row in rows)
    with_share = f" with {units.percent(share)} of the MACs" if share else " without MACs"
    return line((f"… {units.count(len(rows))} more{with_share} (--top 0)", "hint"))


def _columns(report: CostReport) -> tuple[Column[CostRow], ...]:
    """Return the columns; the first one is named after the grouping."""
    of_modules = report.by in ("module", "class")
    header = report.header
    columns: list[Column[CostRow]] = [
        name_column(
            report.by,
            lambda row: row.key,
            text=lambda row: _name(row, report),
            tree=report.tree,
            min_width=42,
        ),
    ]
    if report.by == "module":
        columns.append(Column(key="class", value=lambda row: row.class_name, drop=3, min_width=10))
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

    repeats = partial(_repeats, report=report)
    number_column = partial(cost_column, header=header, repeats=repeats)
    columns += [
        Column(
            key="calls",
            value=lambda row: row.calls,
            align="right",
            drop=6,
            hide_if_all=lambda row: of_modules and row.calls <= 1,
        ),
        number_column("macs", total=report.total),
        share_column("share", lambda row: row.share, drop=2, zero="-", repeats=repeats),
        number_column("flops", drop=7),
        number_column("other_flops", drop=5),
        Column(
            key="params",
            value=lambda row: row.parameters,
            text=lambda row: (
                units.times(repeats(row), units.count(row.parameters)) if row.parameters else "-"
            ),
            align="right",
            drop=4,
            shown=of_modules,
        ),
        number_column("activations", drop=8),
        number_column("read", field="bytes_read", drop=9),
        number_column("written", field="bytes_written", drop=10),
        Column(
            key="intensity",
            value=lambda row: round(row.cost.intensity, 6),
            text=lambda row: _intensity(row.cost) if row.cost.intensity else "-",
            align="right",
            drop=11,
        ),
        uncounted_column(shown=bool(report.uncounted)),
        Column(key="repeats", value=lambda row: row.repeats, shown=False),
        Column(key="repeat_of", value=lambda row: row.repeat_of, shown=False),
    ]
    return tuple(columns)


def _name(row: CostRow, report: CostReport) -> str:
    if report.by == "line":
        return format_values.place(row.called_at) or row.key
    if report.by != "module":
        return row.key.replace("_", " ") if report.by == "kind" else row.key
    name = row.key or row.class_name
    if report.tree:
        name = name.rpartition(".")[2]
        name = units.run_name(name, row.last_key.rpartition(".")[2], _repeats(row, report))
    elif report.fold:
        name = units.run_path(name, row.last_key, row.repeats)
    return name + (" (itself)" if row.itself else "")


def _repeats(row: CostRow, report: CostReport) -> int:
    """Return the number of identical modules that people see as a row."""
    return row.repeats if report.fold else 1


def _footer(
    report: CostReport, columns: tuple[Column[CostRow], ...], listed: CostReport | FoldedRows
) -> list[Row]:
    """Return the rows of totals of a list: what is shown, what is not, and all."""

    def row(label: str, cost: Cost, parameters: int, *, partly: bool = False) -> Row:
        cells = _sum_cells(report, cost, partly=partly)
        if report.by in ("module", "class"):
            cells["params"] = cell(parameters, units.count(parameters) if parameters else "-")
        return make_row(columns, {report.by: label, **cells}, "total")

    total = row("total", report.total, report.parameters, partly=report.partly)
    if not listed.hidden:
        return [total]
    each = [(item, item.repeats if listed is report.folded else 1) for item in listed.rows]
    cost = sum_of(item.cost for item, repeats in each for _ in range(repeats))
    parameters = sum(repeats * (item.parameters or 0) for item, repeats in each)
    unit = "module" if report.by == "module" else "row"
    return [
        row(f"{units.plural(len(listed.rows), 'row')} shown", cost, parameters),
        row(
            f"{units.plural(listed.hidden, unit)} not shown",
            listed.rest,
            report.parameters - parameters,
        ),
        total,
    ]


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
