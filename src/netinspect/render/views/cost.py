"""The view of `cost`."""

from __future__ import annotations

from netinspect import units
from netinspect.records.reports.cost import CostReport, CostRow
from netinspect.records.work import Cost
from netinspect.render import spell
from netinspect.render.document import Cell, Column, Document, Line, Row, Table, cell, line

_NOTES = (
    "MACs: multiply-accumulates of matrix products, convolutions, attention, recurrent kernels; no bias",
    "FLOPs: two for each MAC; other FLOPs: the arithmetic of all other operators",
    "activations: elements that these products give out; read, written: each tensor once, whole",
)
_TITLES = {"class": "module class", "kind": "kind of operator"}


def view(report: CostReport) -> Document:
    """Lay the costs out, their total last."""
    columns = _columns(report)
    footer = [_total(report.total, report.parameters)]
    if report.hidden:
        shown = report.total.macs - report.rest.macs
        share = shown / report.total.macs if report.total.macs else 0.0
        label = f"{units.plural(len(report.rows), 'row')} shown"
        footer.insert(0, _shown(label, shown, share, columns))
    table = Table(
        name="cost",
        columns=columns,
        rows=tuple(Row(cells=_cells(row, report)) for row in report.rows),
        footer=tuple(footer),
    )
    forward = _in_words(report.total, partly=report.partly)
    notes: list[Line] = [line((f"forward: {forward}", "bold"))]
    if report.backward is not None:
        notes.append(line((f"backward: {_in_words(report.backward)}", "bold")))
    notes += _holes(report)
    if report.hidden:
        notes.append(
            line(
                f"{units.plural(report.hidden, 'row')} not shown, with "
                f"{units.plural(report.rest.macs, 'MAC')}"
            )
        )
    notes += [line((note, "dim")) for note in _NOTES]
    return Document(
        title=spell.title(report.subject),
        blocks=(table,),
        notes=(*notes, *spell.run_notes(report.subject)),
    )


def _columns(report: CostReport) -> tuple[Column, ...]:
    of_modules = report.by in ("module", "class")
    return (
        Column(key="key", title=_TITLES.get(report.by, report.by), least=30, elide="middle"),
        Column(
            key="class",
            title="kind" if report.by == "operator" else "class",
            drop=7,
            least=14,
            shown=report.by in ("module", "operator"),
        ),
        Column(key="calls", title="calls", align="right", drop=6),
        Column(key="macs", title="MACs", align="right"),
        Column(key="share", title="share", align="right", drop=2),
        Column(key="flops", title="FLOPs", align="right", drop=5),
        Column(key="other_flops", title="other FLOPs", align="right", drop=4),
        Column(key="params", title="params", align="right", drop=3, shown=of_modules),
        Column(key="activations", title="activations", align="right", drop=8),
        Column(key="read", title="read", align="right", drop=9),
        Column(key="written", title="written", align="right", drop=10),
        Column(key="intensity", title="FLOP/byte", align="right", drop=11),
        Column(key="uncounted", title="uncounted", align="right", shown=bool(report.uncounted)),
    )


def _cells(row: CostRow, report: CostReport) -> tuple[Cell, ...]:
    cost = row.cost
    return (
        cell(row.key, _name(row, report), style="bold"),
        cell(row.class_name or None, _class(row, report)),
        cell(row.calls),
        cell(cost.macs, spell.macs(cost)),
        cell(round(row.share, 6), units.percent(row.share) if cost.macs else "-"),
        cell(cost.flops, units.short(cost.flops) if cost.flops else "-"),
        cell(cost.other_flops, units.short(cost.other_flops) if cost.other_flops else "-"),
        cell(row.parameters, units.count(row.parameters) if row.parameters else "-"),
        cell(cost.activations, units.short(cost.activations) if cost.activations else "-"),
        cell(cost.bytes_read, units.size(cost.bytes_read) if cost.bytes_read else "-"),
        cell(cost.bytes_written, units.size(cost.bytes_written) if cost.bytes_written else "-"),
        cell(round(cost.intensity, 6), units.decimal(cost.intensity) if cost.intensity else "-"),
        cell(cost.uncounted_flops, str(cost.uncounted_flops or "-")),
    )


def _class(row: CostRow, report: CostReport) -> str:
    return row.class_name.replace("_", " ") if report.by == "operator" else row.class_name


def _name(row: CostRow, report: CostReport) -> str:
    if report.by == "module":
        return row.key or row.class_name
    if report.by == "line":
        return spell.place(row.place) or row.key
    return row.key.replace("_", " ") if report.by == "kind" else row.key


def _total(cost: Cost, parameters: int) -> Row:
    texts = (
        "total", "", "", spell.macs(cost), units.percent(1.0), units.short(cost.flops),
        units.short(cost.other_flops), units.count(parameters), units.short(cost.activations),
        units.size(cost.bytes_read), units.size(cost.bytes_written), units.decimal(cost.intensity),
        str(cost.uncounted_flops or ""),
    )  # fmt: skip
    return Row(cells=tuple(cell(None, text) for text in texts), style="bold")


def _shown(label: str, macs: int, share: float, columns: tuple[Column, ...]) -> Row:
    texts = {"key": label, "macs": units.short(macs), "share": units.percent(share)}
    return Row(cells=tuple(cell(None, texts.get(each.key, "")) for each in columns), style="bold")


def _in_words(cost: Cost, *, partly: bool = False) -> str:
    least = "at least " if cost.uncounted or partly else ""
    other = "at least " if cost.uncounted_flops or partly else ""
    return (
        f"{least}{units.plural(cost.macs, 'MAC')}, {units.plural(cost.flops, 'FLOP')}; "
        f"{other}{units.plural(cost.other_flops, 'other FLOP')}"
    )


def _holes(report: CostReport) -> list[Line]:
    """What is not in the total, so that it is a lower bound."""
    notes = []
    for phase in ("forward", "backward"):
        for macs, what in ((True, "MACs"), (False, "other FLOPs")):
            names = [
                f"{each.operator} ({units.plural(each.calls, 'call')})"
                for each in report.uncounted
                if each.phase == phase and each.macs == macs
            ]
            if names:
                where = "" if phase == "forward" else ", in backward"
                notes.append(line((f"not counted, {what}{where}: {', '.join(names)}", "yellow")))
    if report.partly:
        text = "a lower bound: some of the model ran where its operators could not be seen"
        notes.append(line((text, "yellow")))
    return notes
