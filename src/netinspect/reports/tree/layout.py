"""The view of `tree`."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect._utils import units
from netinspect.records.modules import DEEPEST
from netinspect.rendering import format_values
from netinspect.rendering.document import Cell, Column, Document, Row, Table, branches, cell, line
from netinspect.reports.tree.record import Tree, TreeNode

_COLUMNS = (
    Column(key="path", title="module", least=30, elide="middle"),
    Column(key="class", least=30),
    Column(key="params", align="right"),
    Column(key="repeats", align="right", shown=False),
    Column(key="extra", title="made with", shown=False),
)


def lay_out(report: Tree) -> Document:
    """Lay the module tree out, one line a module."""
    nodes = list(walk(report.root, ()))
    notes = format_values.total_notes(
        report.totals, report.ties, of=report.header.class_name if report.root.path else ""
    )
    notes += format_values.change_notes(report.header)
    if any(len(last) >= DEEPEST for _, last in nodes):
        notes.append(
            line(f"nothing deeper than {DEEPEST} levels is shown; name a module to start there")
        )
    return Document(
        title=format_values.title(report.header, path=report.root.path),
        blocks=(
            Table(
                name="tree",
                columns=_COLUMNS,
                rows=tuple(
                    Row(cells=_cells(node, last), style="" if node.called else "yellow")
                    for node, last in nodes
                ),
            ),
        ),
        notes=tuple(notes),
    )


def walk(node: TreeNode, last: tuple[bool, ...]) -> Iterator[tuple[TreeNode, tuple[bool, ...]]]:
    """Yield each node of a branch, with whether each level above it ends there."""
    yield node, last
    for index, child in enumerate(node.children):
        yield from walk(child, (*last, index == len(node.children) - 1))


def _cells(node: TreeNode, last: tuple[bool, ...]) -> tuple[Cell, ...]:
    name = node.name or node.class_name
    if node.repeats > 1:
        name = f"{node.name}..{node.last_name}  x{node.repeats}"
    facts = f"{node.class_name}({node.extra})" if node.extra else node.class_name
    if node.own:
        facts += f"  holds {', '.join(node.own)}"
    if node.alias_of is not None:
        facts += f"  the same object as {node.alias_of}"
    if not node.called:
        facts += "  never called"
    parameters = units.count(node.parameters) if node.parameters else "-"
    if node.repeats > 1 and node.parameters:
        parameters = f"{node.repeats} x {parameters}"
    return (
        cell(node.path, name, guide=branches(last), style="bold"),
        cell(node.class_name, facts),
        cell(node.parameters, parameters),
        cell(node.repeats),
        cell(node.extra),
    )
