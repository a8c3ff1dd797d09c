"""The view of `tree` on a checkpoint."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.rendering.document import Cell, Column, Document, Row, Table, branches, cell
from netinspect.reports.shared import checkpoint_header
from netinspect.reports.tree.checkpoint_record import CheckpointTree
from netinspect.reports.tree.layout import walk
from netinspect.reports.tree.record import TreeNode

_COLUMNS = (
    Column(key="path", title="name", least=30, elide="middle"),
    Column(key="class", drop=2),
    Column(key="holds", least=30),
    Column(key="elements", align="right"),
    Column(key="repeats", align="right", shown=False),
)


def lay_out(report: CheckpointTree) -> Document:
    """Lay the tree of the names out, one line a level."""
    nodes = list(walk(report.root, ()))
    columns = _COLUMNS
    if not any(node.class_name for node, _ in nodes):
        columns = (_COLUMNS[0], Column(key="class", shown=False), *_COLUMNS[2:])
    rows = tuple(Row(cells=_cells(node, last, report.header.target)) for node, last in nodes)
    return Document(
        title=checkpoint_header.title(report.header, path=report.root.path),
        blocks=(Table(name="tree", columns=columns, rows=rows),),
        notes=(
            *checkpoint_header.total_notes(
                report.totals, report.ties, of=report.header.target if report.root.path else ""
            ),
            *checkpoint_header.remarks(report.header),
        ),
    )


def _cells(node: TreeNode, last: tuple[bool, ...], top: str) -> tuple[Cell, ...]:
    holds = ", ".join(node.own)
    return (
        cell(
            node.path,
            checkpoint_header.run_name(
                units.name(node.name) if last else node.name or top, node.last_name, node.repeats
            ),
            guide=branches(last),
            style="bold",
        ),
        cell(node.class_name, node.class_name or "-"),
        cell(holds, holds or "-"),
        cell(node.parameters, checkpoint_header.times(node.repeats, units.count(node.parameters))),
        cell(node.repeats),
    )
