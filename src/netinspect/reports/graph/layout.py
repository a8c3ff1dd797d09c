"""Layout of the `graph` report as text."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.picture import Picture
from netinspect.rendering.columns import name_column
from netinspect.rendering.document import Column, Document, line, make_table
from netinspect.rendering.graph.labels import amount, kind, output, stub_names, title
from netinspect.rendering.graph.options import GraphStyle
from netinspect.rendering.graph.outline import Box, open_boxes
from netinspect.rendering.styles import StyleName
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
    root = open_boxes(report, style)
    rows = [box for box in root.walk() if box.parent is not None]
    notes = [line((text, "hint")) for text in report.notes]
    if isinstance(report.header, CheckpointHeader):
        notes += shared_header.notes(report.header)
    return Document(
        title=shared_header.title(report.header, path=report.path),
        blocks=(
            make_table(
                "graph",
                _columns(root, style),
                rows,
                style=_style,
                level=lambda box: box.level - 1,
            ),
        ),
        notes=tuple(notes),
    )


def _columns(root: Box, style: GraphStyle) -> tuple[Column[Box], ...]:
    heat = style.heat
    return (
        name_column("name", _path, text=_name, style=_style, tree=True, min_width=22),
        Column(key="class", value=kind, text=lambda box: kind(box) or "-", min_width=10, drop=3),
        Column(
            key="output",
            value=lambda box: output(box) or None,
            style=lambda box: _style(box) or _shape_style(box),
            align="right",
            min_width=16,
            drop=2,
        ),
        Column(
            key=heat,
            value=lambda box: amount(box, heat),
            text=lambda box: _amount(box, style),
            align="right",
            drop=1,
            bar=lambda box: float((amount(box, heat) or 0) * box.count),
        ),
        Column(key="count", value=lambda box: box.count, align="right", shown=False, in_plain=True),
        Column(
            key="reads",
            value=lambda box: ", ".join(_reads(box)),
            shown=False,
            in_plain=True,
        ),
    )


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


def _amount(box: Box, style: GraphStyle) -> str:
    number = amount(box, style.heat)
    return "-" if not number else units.times(box.count, units.short(number))


def _reads(box: Box) -> list[str]:
    """Return the names of the boxes of the body that a box reads."""
    assert box.parent is not None
    siblings = box.parent.children
    sources = [ends[0] for ends in (*box.parent.lines, *box.parent.stubs) if ends[1] == box.place]
    return ["outside" if each < 0 else _path(siblings[each]) for each in sorted(sources)]
