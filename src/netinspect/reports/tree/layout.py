"""Layout of the `tree` report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.modules import DEEPEST
from netinspect.rendering.columns import name_column
from netinspect.rendering.document import Column, Document, line, make_table
from netinspect.rendering.layer_facts import without_defaults
from netinspect.reports.shared import header as shared_header
from netinspect.reports.tree.record import Tree, TreeNode


class PlacedNode(NamedTuple):
    """A node and its level in the tree."""

    node: TreeNode
    level: int


def lay_out(report: Tree) -> Document:
    """Lay out the tree, one row for a module or a run of identical ones."""
    rows = list(_walk(report.root))
    folded = [row for row in rows if row.node.repeat_of is None] if report.fold else None
    name = shared_header.name(report.header)
    notes = [
        *shared_header.total_notes(report.totals, report.ties, whole=name if report.root.path else ""),
        *shared_header.notes(report.header),
    ]
    if any(row.level >= DEEPEST for row in rows):
        notes.append(
            line(f"nothing deeper than {DEEPEST} levels is shown; name a module to start there")
        )
    return Document(
        title=shared_header.title(report.header, path=report.root.path),
        blocks=(
            make_table(
                "tree",
                _columns(report),
                rows,
                style=lambda row: "" if row.node.called else "never_called",
                level=lambda row: row.level,
                folded=folded,
            ),
        ),
        notes=tuple(notes),
    )


def _walk(node: TreeNode, level: int = 0) -> Iterator[PlacedNode]:
    """Yield each node of a branch, the node itself first."""
    yield PlacedNode(node, level)
    for child in node.children:
        yield from _walk(child, level + 1)


def _columns(report: Tree) -> tuple[Column[PlacedNode], ...]:
    is_model = report.header.kind == "model"
    path: Column[PlacedNode] = name_column(
        "path",
        lambda row: row.node.path,
        text=lambda row: _name(row, report),
        tree=True,
        min_width=30,
    )
    amount: Column[PlacedNode] = Column(
        key="params" if is_model else "elements",
        value=lambda row: row.node.parameters,
        text=lambda row: _amount(row.node, fold=report.fold),
        align="right",
    )
    repeats: Column[PlacedNode] = Column(
        key="repeats", value=lambda row: row.node.repeats, align="right", shown=False, in_plain=True
    )
    if is_model:
        return (
            path,
            Column(
                key="class",
                value=lambda row: row.node.class_name,
                text=lambda row: _facts(row.node),
                link=lambda row: row.node.defined_at,
                min_width=30,
            ),
            amount,
            repeats,
            Column(key="extra_repr", value=lambda row: row.node.extra_repr, shown=False, in_plain=True),
        )
    return (
        path,
        Column(
            key="class",
            value=lambda row: row.node.class_name,
            text=lambda row: row.node.class_name or "-",
            drop=2,
            hide_if_all=lambda row: not row.node.class_name,
        ),
        Column(
            key="holds",
            value=lambda row: ", ".join(row.node.own),
            text=lambda row: ", ".join(row.node.own) or "-",
            min_width=30,
        ),
        amount,
        repeats,
    )


def _name(row: PlacedNode, report: Tree) -> str:
    node = row.node
    name = units.name(node.name) if row.level else node.name or shared_header.name(report.header)
    return units.run_name(name, node.last_name, node.repeats) if report.fold else name


def _facts(node: TreeNode) -> str:
    chosen = without_defaults(node.class_name, node.extra_repr)
    facts = f"{node.class_name}({chosen})" if chosen else node.class_name
    if node.own:
        facts += f"  holds {', '.join(node.own)}"
    if node.alias_of is not None:
        facts += f"  the same object as {node.alias_of}"
    # At the end it would be cut first.
    return facts if node.called else f"never called: {facts}"


def _amount(node: TreeNode, *, fold: bool) -> str:
    if not node.parameters:
        return "-"
    text = units.count(node.parameters)
    return units.times(node.repeats, text) if fold else text
