"""Layout of the `cost` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.report_header import ReportHeader
from netinspect.records.work import Cost, sum_of
from netinspect.rendering import format_values
from netinspect.rendering.amounts import amount, exact, in_words, lower_bound, own_sizes
from netinspect.rendering.document import Column, Document, Line, Row, line, make_row, make_table
from netinspect.reports.cost.record import CostReport, CostRow

_NOTES = (
    "MACs: multiply-accumulates of matrix products, convolutions, attention, recurrent kernels; no bias",
    "FLOPs: two for each MAC; other FLOPs: the arithmetic of all other operators",
    "activations: elements that these products give out; read, written: each tensor once, whole",
)
_TITLES = {"class": "module class", "kind": "kind of operator"}


def lay_out(report: CostReport) -> Document:
    """Return the document of a cost report."""
    columns = _columns(report)
    footer = [_total(report, columns)]
    if report.hidden:
        footer.insert(0, _shown(report, columns))
    table = make_table("cost", columns, report.rows, footer=footer)
    forward = _in_words(report.total, report.header, partly=report.partly)
    notes: list[Line] = [line((f"forward: {forward}", "bold"))]
    if report.backward is not None:
        notes.append(line((f"backward: {_in_words(report.backward, report.header)}", "bold")))
    notes += _holes(report)
    if report.hidden:
        least = "at least " if report.rest.uncounted else ""
        notes.append(
            line(
                f"{units.plural(report.hidden, 'row')} not shown, with {least}"
                f"{in_words(report.rest, 'macs', 'MAC', report.header)}"
            )
        )
    notes += [line((note, "dim")) for note in _NOTES]
    if report.header.symbolic is not None and report.header.symbolic.symbols:
        at = own_sizes(report.header)
        notes.append(line((f"order, share and FLOP/byte are those at {at}", "dim")))
    return Document(
        title=format_values.title(report.header),
        blocks=(table,),
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _columns(report: CostReport) -> tuple[Column, ...]:
    of_modules = report.by in ("module", "class")
    return (
        Column(
            key="key",
            title=_TITLES.get(report.by, report.by),
            value=lambda row: row.key,
            text=lambda row: _name(row, report),
            style=lambda row: "bold",
            least=30,
            elide="middle",
        ),
        Column(
            key="class",
            title="kind" if report.by == "operator" else "class",
            value=lambda row: row.class_name or None,
            text=lambda row: _class(row, report),
            drop=7,
            least=14,
            shown=report.by in ("module", "operator"),
        ),
        Column(key="calls", value=lambda row: row.calls, align="right", drop=6),
        _amount(report, "macs", "macs", "MACs"),
        Column(
            key="share",
            value=lambda row: round(row.share, 6),
            text=lambda row: units.percent(row.share) if row.cost.macs else "-",
            align="right",
            drop=2,
        ),
        _amount(report, "flops", "flops", "FLOPs", drop=5),
        _amount(report, "other_flops", "other_flops", "other FLOPs", drop=4),
        Column(
            key="params",
            value=lambda row: row.parameters,
            text=lambda row: units.count(row.parameters) if row.parameters else "-",
            align="right",
            drop=3,
            shown=of_modules,
        ),
        _amount(report, "activations", "activations", "activations", drop=8),
        _amount(report, "read", "bytes_read", "read", drop=9),
        _amount(report, "written", "bytes_written", "written", drop=10),
        Column(
            key="intensity",
            title="FLOP/byte",
            value=lambda row: round(row.cost.intensity, 6),
            text=lambda row: _intensity(row.cost) if row.cost.intensity else "-",
            align="right",
            drop=11,
        ),
        Column(
            key="uncounted",
            value=lambda row: row.cost.uncounted_flops,
            text=lambda row: str(row.cost.uncounted_flops or "-"),
            align="right",
            shown=bool(report.uncounted),
        ),
    )


def _amount(report: CostReport, key: str, field: str, title: str, *, drop: int = 0) -> Column:
    """Return the column of a field of `Cost`."""
    return Column(
        key=key,
        title=title,
        value=lambda row: exact(row.cost, field, report.header),
        text=lambda row: amount(row.cost, field, report.header, nothing="-"),
        align="right",
        drop=drop,
    )


def _class(row: CostRow, report: CostReport) -> str:
    return row.class_name.replace("_", " ") if report.by == "operator" else row.class_name


def _name(row: CostRow, report: CostReport) -> str:
    if report.by == "module":
        return row.key or row.class_name
    if report.by == "line":
        return format_values.place(row.place) or row.key
    return row.key.replace("_", " ") if report.by == "kind" else row.key


def _total(report: CostReport, columns: tuple[Column, ...]) -> Row:
    cost = report.total

    def total(name: str, nothing: str | None = None) -> str:
        return amount(cost, name, report.header, nothing=nothing, partly=report.partly)

    texts = {
        "key": "total",
        "macs": total("macs", "-"),
        "share": units.percent(1.0) if cost.macs else "-",
        "flops": total("flops"),
        "other_flops": total("other_flops"),
        "params": units.count(report.parameters),
        "activations": total("activations"),
        "read": total("bytes_read"),
        "written": total("bytes_written"),
        "intensity": _intensity(cost),
        "uncounted": str(cost.uncounted_flops or ""),
    }
    return make_row(columns, texts, "bold")


def _intensity(cost: Cost) -> str:
    return lower_bound(cost, "intensity") + units.decimal(cost.intensity)


def _shown(report: CostReport, columns: tuple[Column, ...]) -> Row:
    shown = sum_of(row.cost for row in report.rows)
    share = shown.macs / report.total.macs if report.total.macs else 0.0
    texts = {
        "key": f"{units.plural(len(report.rows), 'row')} shown",
        "macs": amount(shown, "macs", report.header),
        "share": units.percent(share),
    }
    return make_row(columns, texts, "bold")


def _in_words(cost: Cost, header: ReportHeader, *, partly: bool = False) -> str:
    least = "at least " if cost.uncounted or partly else ""
    other = "at least " if cost.uncounted_flops or partly else ""
    return (
        f"{least}{in_words(cost, 'macs', 'MAC', header)}, {in_words(cost, 'flops', 'FLOP', header)}; "
        f"{other}{in_words(cost, 'other_flops', 'other FLOP', header)}"
    )


def _holes(report: CostReport) -> list[Line]:
    """Return notes on what the total does not include."""
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
                notes.append(line((f"not counted, {what}{where}: {', '.join(names)}", "yellow")))
    if report.partly:
        text = "a lower bound: some of the model ran where its operators could not be seen"
        notes.append(line((text, "yellow")))
    if report.partly or report.total.uncounted:
        notes.append(line(("shares are those of what was counted", "dim")))
    return notes
