"""Layout of the `tree` report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.modules import DEEPEST
from netinspect.rendering import format_values
from netinspect.rendering.document import Column, Document, branches, line, make_table
from netinspect.reports.tree.record import Tree, TreeNode


class Placed(NamedTuple):
    """A node and, for each level above it, whether the branch ends there."""

    node: TreeNode
    last: tuple[bool, ...]


_COLUMNS: tuple[Column[Placed], ...] = (
    Column(
        key="path",
        value=lambda row: row.node.path,
        text=lambda row: _name(row.node),
        style=lambda row: "bold",
        guide=lambda row: branches(row.last),
        min_width=30,
        elide="middle",
    ),
    Column(
        key="class",
        value=lambda row: row.node.class_name,
        text=lambda row: _facts(row.node),
        min_width=30,
    ),
    Column(
        key="params",
        value=lambda row: row.node.parameters,
        text=lambda row: _parameters(row.node),
        align="right",
    ),
    Column(key="repeats", value=lambda row: row.node.repeats, align="right", shown=False),
    Column(key="extra_repr", value=lambda row: row.node.extra, shown=False),
)


def lay_out(report: Tree) -> Document:
    """Lay the module tree out, one line a module."""
    rows = list(walk(report.root))
    notes = format_values.total_notes(
        report.totals, report.ties, of=report.header.class_name if report.root.path else ""
    )
    notes += format_values.change_notes(report.header)
    if any(len(row.last) >= DEEPEST for row in rows):
        notes.append(
            line(f"nothing deeper than {DEEPEST} levels is shown; name a module to start there")
        )
    return Document(
        title=format_values.title(report.header, path=report.root.path),
        blocks=(
            make_table("tree", _COLUMNS, rows, style=lambda row: "" if row.node.called else "yellow"),
        ),
        notes=tuple(notes),
    )


def walk(node: TreeNode, last: tuple[bool, ...] = ()) -> Iterator[Placed]:
    """Yield each node of a branch, the node itself first."""
    yield Placed(node, last)
    for index, child in enumerate(node.children):
        yield from walk(child, (*last, index == len(node.children) - 1))


def _name(node: TreeNode) -> str:
    if node.repeats > 1:
        return f"{node.name}..{node.last_name}  x{node.repeats}"
    return node.name or node.class_name


def _facts(node: TreeNode) -> str:
    facts = f"{node.class_name}({node.extra})" if node.extra else node.class_name
    if node.own:
        facts += f"  holds {', '.join(node.own)}"
    if node.alias_of is not None:
        facts += f"  the same object as {node.alias_of}"
    if not node.called:
        facts += "  never called"
    return facts


def _parameters(node: TreeNode) -> str:
    if not node.parameters:
        return "-"
    parameters = units.count(node.parameters)
    return f"{node.repeats} x {parameters}" if node.repeats > 1 else parameters
