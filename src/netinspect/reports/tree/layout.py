"""Layout of the `tree` report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.modules import DEEPEST
from netinspect.rendering.columns import count_column, name_column
from netinspect.rendering.document import Column, Document, line, make_table
from netinspect.rendering.layer_facts import without_defaults
from netinspect.reports.shared import header as shared_header
from netinspect.reports.tree.record import Tree, TreeNode


class PlacedNode(NamedTuple):
    """A node, its level in the tree, and whether the branch that it is in is frozen."""

    node: TreeNode
    level: int
    in_frozen: bool = False


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


def _walk(node: TreeNode, level: int = 0, *, in_frozen: bool = False) -> Iterator[PlacedNode]:
    """Yield each node of a branch, the node itself first."""
    yield PlacedNode(node, level, in_frozen)
    for child in node.children:
        yield from _walk(child, level + 1, in_frozen=node.trainable == "no")


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
        text=lambda row: _amount(row, fold=report.fold),
        style=lambda row: "tied" if _is_tied(row) else "",
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
                text=_facts,
                style=lambda row: "frozen" if _frozen(row) and row.node.called else "",
                link=lambda row: row.node.defined_at,
                min_width=30,
            ),
            amount,
            repeats,
            Column(key="extra_repr", value=lambda row: row.node.extra_repr, shown=False, in_plain=True),
            Column(key="trainable", value=lambda row: row.node.trainable, shown=False),
            count_column("tied", lambda row: row.node.tied, shown=False),
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


def _facts(row: PlacedNode) -> str:
    node = row.node
    chosen = without_defaults(node.class_name, node.extra_repr)
    facts = f"{node.class_name}({chosen})" if chosen else node.class_name
    if node.own:
        facts += f"  holds {', '.join(node.own)}"
    if node.alias_of is not None:
        facts += f"  the same object as {node.alias_of}"
    # At the end they would be cut first.
    return "".join(["" if node.called else "never called: ", _frozen(row), facts])


def _frozen(row: PlacedNode) -> str:
    """Return a mark of a frozen branch, at its top, and of a module that is frozen in part itself."""
    if row.node.trainable == "no":
        return "" if row.in_frozen else "frozen: "
    is_partial = row.node.trainable == "partial"
    below = any(child.trainable in ("no", "partial") for child in row.node.children)
    return "partly frozen: " if is_partial and not below else ""


def _is_tied(row: PlacedNode) -> bool:
    """Return whether a row has only tensors that are counted in an earlier row."""
    node = row.node
    return row.level > 0 and node.tied > 0 and node.parameters in (0, node.tied)


def _amount(row: PlacedNode, *, fold: bool) -> str:
    node = row.node
    if _is_tied(row):
        return "tied"
    if not node.parameters:
        return "-"
    text = units.count(node.parameters)
    return units.times(node.repeats, text) if fold else text
