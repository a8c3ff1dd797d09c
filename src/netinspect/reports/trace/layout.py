"""Layout of the `trace` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.rendering import format_values
from netinspect.rendering.amounts import tensor_amounts
from netinspect.rendering.columns import name_column
from netinspect.rendering.document import (
    Block,
    Column,
    Document,
    Lines,
    Row,
    cell,
    line,
    make_row,
    make_table,
)
from netinspect.rendering.styles import StyleName
from netinspect.reports.trace.record import GradientRow, StepRow, TraceTable


def _style(row: StepRow) -> StyleName:
    return "failed" if row.failed else "function" if row.kind == "function" else ""


def _call(row: StepRow) -> str:
    return row.name + (f" ({row.call} of {row.calls})" if row.calls > 1 else "")


def _gradient_text(row: GradientRow) -> str:
    if row.gradient is not None:
        return format_values.shape(row.gradient.shape)
    return "none" if row.trainable else "frozen"


_COLUMNS: tuple[Column[StepRow], ...] = (
    Column(key="step", value=lambda row: row.index, align="right", drop=3),
    name_column(
        "name",
        lambda row: row.name,
        text=_call,
        tree=True,
        style=lambda row: _style(row) or "name",
        min_width=28,
    ),
    Column(
        key="class",
        value=lambda row: row.class_name,
        text=lambda row: row.class_name if row.kind == "module" else "function",
        drop=4,
        min_width=18,
    ),
    Column(
        key="input",
        value=lambda row: format_values.values(row.inputs) if row.inputs else None,
        drop=2,
        min_width=20,
    ),
    Column(
        key="output",
        value=lambda row: None if row.output is None else format_values.value(row.output),
        text=lambda row: "FAILED" if row.failed else format_values.value(row.output),
        min_width=22,
    ),
    Column(
        key="grad_fn",
        value=lambda row: row.grad_fn,
        drop=1,
        min_width=20,
        hide_if_all=lambda row: row.grad_fn is None,
    ),
    Column(
        key="called_at",
        value=lambda row: format_values.full_place(row.called_at),
        text=lambda row: format_values.place(row.called_at) or "-",
        link=lambda row: format_values.full_place(row.called_at),
        drop=5,
        elide="middle",
        min_width=20,
    ),
    Column(
        key="source",
        value=lambda row: row.called_at.text if row.called_at else None,
        drop=6,
        min_width=40,
    ),
    Column(key="kind", value=lambda row: row.kind, shown=False),
    Column(key="path", value=lambda row: row.path, shown=False, in_plain=True),
    Column(key="depth", value=lambda row: row.depth, align="right", shown=False),
    Column(key="call_number", value=lambda row: row.call, align="right", shown=False, in_plain=True),
)
_GRADIENT_COLUMNS: tuple[Column[GradientRow], ...] = (
    Column(key="parameter", value=lambda row: row.name, min_width=30, elide="middle"),
    Column(
        key="gradient",
        value=lambda row: format_values.shape(row.gradient.shape) if row.gradient else None,
        text=_gradient_text,
        min_width=18,
    ),
    Column(
        key="norm",
        value=lambda row: row.gradient.norm if row.gradient else None,
        text=lambda row: units.decimal(row.gradient.norm) if row.gradient else "-",
        align="right",
    ),
)


def lay_out(report: TraceTable) -> Document:
    """Lay out the steps of forward, then its output and gradients."""
    steps = make_table("steps", _COLUMNS, report.rows, style=_style, level=lambda row: row.depth - 1)
    if report.output is not None:
        steps = replace(steps, rows=(*steps.rows, _output_row(report)))
    blocks: list[Block] = [steps]
    if report.gradients:
        blocks.append(
            make_table("gradients", _GRADIENT_COLUMNS, report.gradients, style=_gradient_style)
        )
    if report.output_values is not None:
        blocks.append(Lines(name="output", lines=tuple(report.output_values.splitlines())))
    notes = []
    if report.output is not None:
        amounts = tensor_amounts(report.output, report.header)
        notes.append(line((f"output: {format_values.value(report.output)}, {amounts}", "total")))
    if report.backward is not None:
        notes.append(line(f"backward: {report.backward.description}"))
        without_gradient = [
            row.name for row in report.gradients if row.trainable and row.gradient is None
        ]
        if without_gradient:
            notes.append(line((f"no gradient: {', '.join(without_gradient)}", "warning")))
    if report.hidden:
        notes.append(
            line(
                (
                    f"{units.plural(report.hidden, 'step')} inside layers not shown (--inside-layers)",
                    "hint",
                )
            )
        )
    return Document(
        title=format_values.title(report.header),
        blocks=tuple(blocks),
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _output_row(report: TraceTable) -> Row:
    text = format_values.value(report.output)
    cells = {
        "name": cell("output", style="total"),
        "class": cell(report.header.class_name, ""),
        "output": cell(text, style="total"),
        "kind": cell("output"),
    }
    return make_row(_COLUMNS, cells)


def _gradient_style(row: GradientRow) -> StyleName:
    return "warning" if row.trainable and row.gradient is None else ""
