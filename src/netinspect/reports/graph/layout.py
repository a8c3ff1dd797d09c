"""Layout of the `graph` report as text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.picture import OUTSIDE, Picture
from netinspect.rendering.columns import name_column
from netinspect.rendering.document import Column, Document, Row, line, make_table
from netinspect.rendering.graph.contents import amount_of_item
from netinspect.rendering.graph.labels import (
    amount,
    change_of,
    heat_of,
    kind,
    output,
    output_shapes,
    share,
    stub_names,
    title,
)
from netinspect.rendering.graph.options import GraphStyle, HeatKey
from netinspect.rendering.graph.outline import Box, note_on_closed, opened_by, outline
from netinspect.rendering.graph.terminal import draw_rows, has_lines, indent, rows_of
from netinspect.rendering.styles import StyleName
from netinspect.rendering.styles import heat as find_heat
from netinspect.reports.shared import header as shared_header


def lay_out(report: Picture, style: GraphStyle | None = None) -> Document:
    """Lay out the graph, one row for a box.

    Args:
        report: The picture.
        style: What is open; None for everything.
    """
    style = style or GraphStyle()
    if style.depth is None and not style.open:
        style = replace(style, depth=0)
    root = outline(report, opened_by(report, style))
    texts = [*report.notes, *filter(None, [note_on_closed(report, style)])]
    if report.against is not None:
        texts.append(
            f"compared with {report.against.target}: - only in {report.header.target}, + only in it"
        )
    notes = [line((text, "hint")) for text in texts]
    if isinstance(report.header, CheckpointHeader):
        notes += shared_header.notes(report.header)
    return Document(
        title=shared_header.title(report.header, path=report.path),
        blocks=(
            make_table(
                "graph",
                (*_columns(root, style), *([_CHANGES] if report.against is not None else [])),
                rows_of(root),
                style=_style,
                level=lambda box: box.level - 1,
                place=lambda box: box.numbers,
                add_guides=partial(_add_guides, root) if has_lines(root) else None,
            ),
        ),
        notes=tuple(notes),
    )


def _add_guides(root: Box, rows: Sequence[Row]) -> list[Row]:
    """Return rows with the tracks of their data; what they read without one is after their name."""
    drawn = draw_rows(root, [row.place for row in rows])
    names = [row.cells[0].text for row in rows]
    found = []
    for row, guide, labels in zip(rows, drawn.guides, drawn.labels, strict=True):
        name = row.cells[0]
        if labels:
            reads = ", ".join(names[each].split("  ")[0] for each in labels)
            name = replace(name, text=f"{name.text}  reads {reads}")
        cells = (name, *row.cells[1:])
        found.append(replace(row, cells=cells, guide=f"{guide}  {indent(row.place)}"))
    return found


def _columns(root: Box, style: GraphStyle) -> tuple[Column[Box], ...]:
    heat = heat_of(root, style.heat)
    return (
        name_column("name", _path, text=_name, style=_style, tree=True, min_width=16),
        Column(key="class", value=kind, text=_class, min_width=10, drop=3),
        Column(
            key="output",
            value=lambda box: ", ".join(output_shapes(box)) or None,
            text=_output,
            style=lambda box: _style(box) or _shape_style(box),
            align="right",
            drop=2,
        ),
        Column(
            key=heat,
            value=lambda box: amount(box, heat),
            text=lambda box: _amount(box, heat),
            style=lambda box: "" if box.template.failed else find_heat(share(box, root, heat)),
            align="right",
            drop=1,
            bar=lambda box: float(amount_of_item(box.template, box.item, heat)),
        ),
        Column(key="count", value=lambda box: box.count, align="right", shown=False, in_plain=True),
        Column(key="id", value=lambda box: box.id, shown=False, in_plain=True),
        Column(
            key="reads",
            value=lambda box: " ".join(_reads(box)),
            shown=False,
            in_plain=True,
        ),
    )


def _change(box: Box) -> str:
    change = change_of(box)
    sign = {"only_a": "-", "only_b": "+", "changed": "changed"}.get(change, "")
    return f"{sign}: {'; '.join(box.template.changes)}" if box.template.changes else sign


_CHANGES: Column[Box] = Column(key="change", value=lambda box: change_of(box) or None, text=_change)


def _class(box: Box) -> str:
    return kind(box) if box.template.kind in ("module", "input", "group") else ""


def _output(box: Box) -> str:
    return "FAILED" if box.template.failed else output(box) or "-"


def _path(box: Box) -> str:
    return box.path if box.template.kind == "module" else box.template.label or box.name


def _name(box: Box) -> str:
    reads = stub_names(box)
    return title(box) + (f"  reads {', '.join(reads)}" if reads else "")


def _style(box: Box) -> StyleName:
    if box.template.failed:
        return "failed"
    return "" if box.template.called else "never_called"


def _shape_style(box: Box) -> StyleName:
    given = {each.spec.shape for each in box.template.inputs}
    changes = any(each.spec.shape not in given for each in box.template.output)
    return "shape_changed" if changes else "shape_same"


def _amount(box: Box, heat: HeatKey) -> str:
    number = amount(box, heat)
    return "-" if not number else units.times(box.count, units.short(number))


def _reads(box: Box) -> list[str]:
    """Return the identifiers of the boxes that a box reads: in its body, or the box around it."""
    assert box.parent is not None
    ends = (*box.parent.lines, *box.parent.stubs)
    sources = sorted(source for source, target in ends if target == box.place)
    return [box.parent.id if each == OUTSIDE else box.parent.children[each].id for each in sources]
