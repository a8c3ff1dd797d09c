"""The view of `tree` on a checkpoint."""

from __future__ import annotations

from netinspect import units
from netinspect.records.reports.names import NameTree
from netinspect.records.reports.tree import TreeNode
from netinspect.render.document import Cell, Column, Document, Row, Table, branches, cell
from netinspect.render.views import stored
from netinspect.render.views.tree import walk

_COLUMNS = (
    Column(key="path", title="name", least=30, elide="middle"),
    Column(key="class", title="class", drop=2),
    Column(key="holds", title="holds", least=30),
    Column(key="elements", title="elements", align="right"),
    Column(key="repeats", title="repeats", align="right", shown=False),
)


def view(report: NameTree) -> Document:
    """Lay the tree of the names out, one line a level."""
    nodes = list(walk(report.root, ()))
    columns = _COLUMNS
    if not any(node.class_name for node, _ in nodes):
        columns = (_COLUMNS[0], Column(key="class", title="class", shown=False), *_COLUMNS[2:])
    rows = tuple(Row(cells=_cells(node, last, report.subject.target)) for node, last in nodes)
    return Document(
        title=stored.title(report.subject, path=report.root.path),
        blocks=(Table(name="tree", columns=columns, rows=rows),),
        notes=(
            *stored.total_notes(
                report.totals, report.ties, of=report.subject.target if report.root.path else ""
            ),
            *stored.remarks(report.subject),
        ),
    )


def _cells(node: TreeNode, last: tuple[bool, ...], top: str) -> tuple[Cell, ...]:
    holds = ", ".join(node.own)
    return (
        cell(
            node.path,
            stored.run_name(
                units.name(node.name) if last else node.name or top, node.last_name, node.repeats
            ),
            guide=branches(last),
            style="bold",
        ),
        cell(node.class_name, node.class_name or "-"),
        cell(holds, holds or "-"),
        cell(node.parameters, stored.times(node.repeats, units.count(node.parameters))),
        cell(node.repeats),
    )
