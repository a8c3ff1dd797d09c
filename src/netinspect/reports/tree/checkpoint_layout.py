"""Layout of the `tree` report of a checkpoint."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.rendering.document import Column, Document, branches, hide_columns, make_table
from netinspect.reports.shared import checkpoint_header
from netinspect.reports.tree.checkpoint_record import CheckpointTree
from netinspect.reports.tree.layout import Placed, walk


def _columns(report: CheckpointTree) -> tuple[Column[Placed], ...]:
    return (
        Column(
            key="path",
            value=lambda row: row.node.path,
            text=lambda row: _name(row, report.header.target),
            style=lambda row: "bold",
            guide=lambda row: branches(row.last),
            min_width=30,
            elide="middle",
        ),
        Column(
            key="class",
            value=lambda row: row.node.class_name,
            text=lambda row: row.node.class_name or "-",
            drop=2,
        ),
        Column(
            key="holds",
            value=lambda row: ", ".join(row.node.own),
            text=lambda row: ", ".join(row.node.own) or "-",
            min_width=30,
        ),
        Column(
            key="elements",
            value=lambda row: row.node.parameters,
            text=lambda row: checkpoint_header.times(row.node.repeats, units.count(row.node.parameters)),
            align="right",
        ),
        Column(key="repeats", value=lambda row: row.node.repeats, align="right", shown=False),
    )


def lay_out(report: CheckpointTree) -> Document:
    """Lay out the tree of the names, one line a level."""
    rows = list(walk(report.root))
    columns = _columns(report)
    if not any(row.node.class_name for row in rows):
        columns = hide_columns(columns, ("class",))
    return Document(
        title=checkpoint_header.title(report.header, path=report.root.path),
        blocks=(make_table("tree", columns, rows),),
        notes=(
            *checkpoint_header.total_notes(
                report.totals, report.ties, of=report.header.target if report.root.path else ""
            ),
            *checkpoint_header.remarks(report.header),
        ),
    )


def _name(row: Placed, top: str) -> str:
    node = row.node
    name = units.name(node.name) if row.last else node.name or top
    return checkpoint_header.run_name(name, node.last_name, node.repeats)
