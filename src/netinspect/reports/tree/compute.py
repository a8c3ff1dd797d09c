"""The module tree, with identical siblings folded into one line."""

from __future__ import annotations

from dataclasses import replace

from netinspect.analysis.header import build_header
from netinspect.analysis.module_index import Structure
from netinspect.analysis.rows import refuse_negative
from netinspect.analysis.totals import ties, totals
from netinspect.records.modules import DEEPEST, Module
from netinspect.records.trace import Trace
from netinspect.reports.tree.record import Tree, TreeNode


def build_tree(trace: Trace, *, path: str = "", depth: int | None = None, fold: bool = True) -> Tree:
    """Make the module tree of a trace.

    Args:
        trace: The trace.
        path: Module at the top.
        depth: Deepest level to show; None for all, up to the 128th.
        fold: Whether a run of identical siblings is one row.

    Raises:
        UsageError: There is no module at `path`, or `depth` is negative.
    """
    refuse_negative("depth", depth)
    depth = DEEPEST if depth is None else min(depth, DEEPEST)
    structure = Structure(trace)
    top = structure.find(path)
    never_called = set(structure.never_called())
    root = _node(structure, top, depth, fold=fold, never_called=never_called)
    return Tree(subject=build_header(trace), root=root, totals=totals(trace), ties=ties(trace))


def _node(
    structure: Structure, module: Module, depth: int, *, fold: bool, never_called: set[str]
) -> TreeNode:
    children: list[TreeNode] = []
    if module.alias_of is None and depth != 0:
        for path in module.children:
            child = _node(
                structure, structure.modules[path], depth - 1, fold=fold, never_called=never_called
            )
            if children and fold and _alike(children[-1], child):
                children[-1] = replace(
                    children[-1], repeats=children[-1].repeats + 1, last_name=child.name
                )
            else:
                children.append(child)
    return TreeNode(
        path=module.path,
        name=module.name,
        class_name=module.class_name,
        extra=module.extra,
        parameters=structure.branch_sizes[module.path],
        own=_own(structure, module),
        repeats=1,
        last_name=module.name,
        alias_of=module.alias_of,
        called=module.path not in never_called,
        children=tuple(children),
    )


def _own(structure: Structure, module: Module) -> tuple[str, ...]:
    """Tensors set directly on a module that has a `forward` of the user's; torch's are known."""
    if module.library:
        return ()
    specs = {
        entry.name: entry.spec
        for entry in (
            *structure.parameters.get(module.path, ()),
            *structure.buffers.get(module.path, ()),
        )
    }
    return tuple(
        f"{name.rpartition('.')[2]} ({', '.join(map(str, specs[name].shape))})"
        for name in (*module.parameters, *module.buffers)
    )


def _alike(one: TreeNode, other: TreeNode) -> bool:
    """Return whether two branches differ in nothing but their names and paths."""
    return (
        (one.class_name, one.extra, one.parameters, one.own, one.called, one.alias_of)
        == (
            other.class_name,
            other.extra,
            other.parameters,
            other.own,
            other.called,
            other.alias_of,
        )
        and other.alias_of is None
        and len(one.children) == len(other.children)
        and all(
            left.name == right.name and left.repeats == right.repeats and _alike(left, right)
            for left, right in zip(one.children, other.children, strict=True)
        )
    )
