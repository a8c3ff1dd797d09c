"""Layout of the `trace` report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.values import tensors_in
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
from netinspect.reports.shared.folding import fold_rows
from netinspect.reports.trace.record import GradientRow, StepRow, TraceTable

_CHANGED = "▸ "
"""Mark of an output whose shape is not that of an input."""


class _Call(NamedTuple):
    """A step and its place in the tree that people see."""

    row: StepRow
    name: str
    """Name in the enclosing call, or the names of a run of identical calls."""

    level: int


def _style(call: _Call) -> StyleName:
    return "failed" if call.row.failed else "" if _changes_shape(call.row) else "shape_same"


def _changes_shape(row: StepRow) -> bool:
    given = {spec.shape for each in row.inputs for spec in tensors_in(each)}
    return any(spec.shape not in given for spec in tensors_in(row.output))


def _output(call: _Call) -> str:
    if call.row.failed:
        return "FAILED"
    mark = _CHANGED if _changes_shape(call.row) else " " * len(_CHANGED)
    return mark + format_values.in_table(call.row.output)


def _inputs(call: _Call) -> str:
    """Format the inputs, equal ones in a row once: `(1, 64, 56, 56) x2`."""
    texts = [
        (text, len(list(group))) for text, group in groupby(map(format_values.in_table, call.row.inputs))
    ]
    return ", ".join(text if times == 1 else f"{text} x{times}" for text, times in texts) or "-"


def _name_style(call: _Call) -> StyleName:
    if call.row.failed:
        return "failed"
    return "name" if call.row.kind == "module" else "function"


def _gradient_text(row: GradientRow) -> str:
    if row.gradient is not None:
        return format_values.shape(row.gradient.shape)
    return "none" if row.trainable else "frozen"


_COLUMNS: tuple[Column[_Call], ...] = (
    Column(key="step", value=lambda call: call.row.number, align="right", drop=4),
    name_column(
        "name",
        lambda call: call.row.name,
        text=lambda call: call.name,
        tree=True,
        style=_name_style,
        min_width=22,
    ),
    Column(
        key="class",
        value=lambda call: call.row.class_name,
        text=lambda call: call.row.class_name if call.row.kind == "module" else "function",
        drop=3,
        min_width=10,
    ),
    Column(
        key="input",
        value=lambda call: format_values.values(call.row.inputs) if call.row.inputs else None,
        text=_inputs,
        drop=2,
        min_width=18,
    ),
    Column(
        key="output",
        value=lambda call: None if call.row.output is None else format_values.value(call.row.output),
        text=_output,
        style=lambda call: _style(call) or "shape_changed",
        min_width=22,
    ),
    Column(
        key="grad_fn",
        value=lambda call: call.row.grad_fn,
        drop=1,
        min_width=20,
        hide_if_all=lambda call: call.row.grad_fn is None,
    ),
    Column(
        key="called_at",
        value=lambda call: format_values.full_place(call.row.called_at),
        text=lambda call: format_values.place(call.row.called_at) or "-",
        link=lambda call: format_values.full_place(call.row.called_at),
        drop=5,
        elide="middle",
        min_width=20,
    ),
    Column(
        key="source",
        value=lambda call: call.row.called_at.text if call.row.called_at else None,
        drop=6,
        min_width=40,
    ),
    Column(key="kind", value=lambda call: call.row.kind, shown=False),
    Column(key="path", value=lambda call: call.row.path, shown=False, in_plain=True),
    Column(key="depth", value=lambda call: call.row.depth, align="right", shown=False),
    Column(
        key="call_number", value=lambda call: call.row.call, align="right", shown=False, in_plain=True
    ),
    Column(key="index", value=lambda call: call.row.index, align="right", shown=False, in_plain=True),
    Column(key="repeat_of", value=lambda call: call.row.repeat_of, align="right", shown=False),
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
    seen = list(_seen(report))
    steps = make_table(
        "steps",
        _COLUMNS,
        [_Call(row, row.name, 0) for row in report.rows],
        style=_style,
        folded=seen,
        level=lambda call: call.level,
    )
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
    with_values = report.output_values is not None or bool(report.gradients)
    if report.hidden_below:
        below = units.plural(report.hidden_below, "step")
        notes.append(line((f"{below} below the depth not shown (--depth 0)", "hint")))
    return Document(
        title=format_values.title(report.header),
        blocks=tuple(blocks),
        notes=(*notes, *format_values.run_notes(report.header, with_values=with_values)),
    )


def _seen(report: TraceTable) -> Iterator[_Call | Row]:
    """Yield the rows that people see; a repeated group of several calls is below a row of its own."""
    rows = fold_rows(report.rows) if report.fold else report.rows
    paths = {0: ""}
    """By depth, the path of the last called module, which contains what follows on deeper levels."""
    groups: list[_Group] = []
    for index, row in enumerate(rows):
        while groups and groups[-1].ends_before(row):
            groups.pop()
        if groups and groups[-1].depth == row.depth:
            groups[-1].left -= 1
        name = _local_name(row.name, paths[row.depth - 1])
        last = _local_name(row.last_name, paths[row.depth - 1])
        if row.kind == "module":
            paths[row.depth] = row.path
        if row.group > 1:
            members = islice(
                (each for each in islice(rows, index, None) if each.depth == row.depth), row.group
            )
            others = [_local_name(each.name, paths[row.depth - 1]) for each in members][1:]
            names = ", ".join([units.run_names(name, last), *others])
            text = f"{names}  x{row.repeats}"
            yield replace(
                make_row(_COLUMNS, {"name": cell(None, text, "name")}), level=row.depth - 1 + len(groups)
            )
            groups.append(_Group(row.depth, row.group - 1))
        elif row.repeats > 1:
            name = units.run_name(name, last, row.repeats)
        elif row.calls > 1:
            name += f" ({row.call} of {row.calls})"
        yield _Call(row, name, row.depth - 1 + len(groups))


@dataclass
class _Group:
    """A repeated group of several calls, whose first calls are being shown."""

    depth: int
    left: int
    """Number of its calls that follow, without those inside of them."""

    def ends_before(self, row: StepRow) -> bool:
        """Return whether a row is not in the group any more."""
        return row.depth < self.depth or (row.depth == self.depth and not self.left)


def _local_name(name: str, path: str) -> str:
    """Return the name of a called module in the module that calls it."""
    return name.removeprefix(f"{path}.") if path else name


def _output_row(report: TraceTable) -> Row:
    text = format_values.in_table(report.output)
    cells = {
        "name": cell("output", style="total"),
        "class": cell(report.header.class_name, ""),
        "output": cell(text, style="total"),
        "kind": cell("output"),
    }
    return make_row(_COLUMNS, cells)


def _gradient_style(row: GradientRow) -> StyleName:
    return "warning" if row.trainable and row.gradient is None else ""
