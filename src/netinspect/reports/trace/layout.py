"""The view of `trace`."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.rendering.amounts import tensor_amounts
from netinspect.rendering.document import (
    Block,
    Cell,
    Column,
    Document,
    Lines,
    Row,
    Table,
    cell,
    line,
)
from netinspect.reports.trace.record import GradientRow, StepRow, TraceTable

_COLUMNS = (
    Column(key="step", title="step", align="right", drop=3),
    Column(key="name", title="call", least=28, elide="middle"),
    Column(key="class", title="class", drop=4, least=18),
    Column(key="input", title="input", drop=2, least=20),
    Column(key="output", title="output", least=22),
    Column(key="grad_fn", title="grad_fn", drop=1, least=20),
    Column(key="place", title="line", drop=5, elide="middle", least=20),
    Column(key="source", title="source", drop=6, least=40),
    Column(key="kind", title="kind", shown=False),
    Column(key="path", title="module", shown=False),
    Column(key="depth", title="depth", align="right", shown=False),
    Column(key="call_number", title="call no.", align="right", shown=False),
)
_GRADIENT_COLUMNS = (
    Column(key="parameter", title="parameter", least=30, elide="middle"),
    Column(key="shape", title="gradient", least=18),
    Column(key="norm", title="norm", align="right"),
)


def lay_out(report: TraceTable) -> Document:
    """Lay the steps of forward out, then its output, then the gradients."""
    shows_grad = report.backward is not None
    columns = tuple(
        column
        if column.key != "grad_fn" or shows_grad
        else Column(key="grad_fn", title="grad_fn", shown=False)
        for column in _COLUMNS
    )
    rows = [Row(cells=_cells(row), style=_style(row)) for row in report.rows]
    if report.output is not None:
        rows.append(_output_row(report))
    blocks: list[Block] = [Table(name="steps", columns=columns, rows=tuple(rows))]
    if report.gradients:
        blocks.append(
            Table(
                name="gradients",
                columns=_GRADIENT_COLUMNS,
                rows=tuple(Row(cells=_gradient(row), style=_lost(row)) for row in report.gradients),
            )
        )
    if report.output_values is not None:
        blocks.append(Lines(name="output", lines=tuple(report.output_values.splitlines())))
    notes = []
    if report.output is not None:
        amounts = tensor_amounts(report.output, report.subject)
        notes.append(line((f"output: {format_values.value(report.output)}, {amounts}", "bold")))
    if report.backward is not None:
        notes.append(line(f"backward: {report.backward.description}"))
        lost = [row.name for row in report.gradients if row.trainable and row.gradient is None]
        if lost:
            notes.append(line((f"no gradient: {', '.join(lost)}", "yellow")))
    if report.hidden:
        notes.append(
            line(
                (
                    f"{units.plural(report.hidden, 'step')} inside layers not shown (--inside-layers)",
                    "dim",
                )
            )
        )
    return Document(
        title=format_values.title(report.subject),
        blocks=tuple(blocks),
        notes=(*notes, *format_values.run_notes(report.subject)),
    )


def _style(row: StepRow) -> str:
    return "bold red" if row.failed else "cyan" if row.kind == "function" else ""


def _cells(row: StepRow) -> tuple[Cell, ...]:
    repeated = f" ({row.call} of {row.calls})" if row.calls > 1 else ""
    output = "FAILED" if row.failed else format_values.value(row.output)
    return (
        cell(row.index),
        cell(
            row.name,
            row.name + repeated,
            guide="  " * (row.depth - 1),
            style=_style(row) or "bold",
        ),
        cell(row.class_name, row.class_name if row.kind == "module" else "function"),
        cell(format_values.values(row.inputs) if row.inputs else None),
        cell(None if row.output is None else format_values.value(row.output), output),
        cell(row.grad_fn),
        cell(format_values.full_place(row.place), format_values.place(row.place) or "-"),
        cell(row.place.text if row.place else None),
        cell(row.kind),
        cell(row.path),
        cell(row.depth),
        cell(row.call),
    )


def _output_row(report: TraceTable) -> Row:
    text = format_values.value(report.output)
    values: dict[str, Cell] = {
        "name": cell("output", style="bold"),
        "class": cell(report.subject.class_name, ""),
        "output": cell(text, style="bold"),
        "kind": cell("output"),
    }
    return Row(cells=tuple(values.get(column.key, cell(None, "")) for column in _COLUMNS))


def _gradient(row: GradientRow) -> tuple[Cell, ...]:
    if row.gradient is not None:
        return (
            cell(row.name),
            cell(format_values.shape(row.gradient.shape)),
            cell(row.gradient.norm, units.decimal(row.gradient.norm)),
        )
    return cell(row.name), cell(None, "none" if row.trainable else "frozen"), cell(None)


def _lost(row: GradientRow) -> str:
    return "yellow" if row.trainable and row.gradient is None else ""
