"""Computation of the `tree` report."""

from __future__ import annotations

from netinspect.analysis.header import header_and_totals
from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats, local_name, own_tensors
from netinspect.analysis.repeats import OutlineEntry
from netinspect.analysis.rows import refuse_negative
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.modules import DEEPEST
from netinspect.records.tensors import RegisteredTensor
from netinspect.records.trace import Trace
from netinspect.reports.tree.checkpoint_nodes import build_checkpoint_nodes, nest
from netinspect.reports.tree.record import Tree, TreeNode


def build_tree(
    source: Trace | Checkpoint, *, path: str = "", depth: int | None = None, fold: bool = True
) -> Tree:
    """Build the module tree of a model, or the tree of the dotted names of a checkpoint.

    Args:
        source: The trace or checkpoint.
        path: Module at the top, or prefix of the names.
        depth: Deepest level to show; None for all, up to 128 levels.
        fold: Whether a run of identical siblings, and the state of an optimizer, is one row.

    Raises:
        UsageError: `path` is neither a module nor a prefix, or `depth` is negative.
    """
    refuse_negative("depth", depth)
    depth = DEEPEST if depth is None else min(depth, DEEPEST)
    if isinstance(source, Checkpoint):
        root = build_checkpoint_nodes(source, path, depth, fold=fold)
    else:
        root = _build_module_nodes(Structure(source), path, depth)
    header, totals, ties = header_and_totals(source)
    return Tree(header=header, root=root, fold=fold, totals=totals, ties=ties)


def _build_module_nodes(structure: Structure, path: str, depth: int) -> TreeNode:
    """Return the top node of the tree of a model's modules."""
    never_called = set(structure.never_called())
    outline = find_repeats(structure, structure.find(path).path, calls=False).outline(depth)

    def make(entry: OutlineEntry[str], children: tuple[TreeNode, ...]) -> TreeNode:
        module = structure.modules[entry.node]
        branch = structure.branch_sums[module.path]
        tied = (each for each in structure.parameters.get(module.path, ()) if not structure.counts(each))
        tensors = () if module.library else own_tensors(structure, entry.node)
        return TreeNode(
            path=module.path,
            name=module.name,
            class_name=module.class_name,
            extra_repr=module.extra,
            parameters=branch.elements,
            # The class name of one of torch's own modules implies its tensors.
            own=tuple(map(_format_tensor, tensors)),
            repeats=len(entry.run),
            last_name=structure.modules[entry.run[-1]].name,
            repeat_of=entry.repeat_of,
            alias_of=module.alias_of,
            called=module.path not in never_called,
            children=children,
            defined_at=module.defined_at,
            trainable=branch.trainability,
            tied=sum(parameter.spec.elements for parameter in tied),
        )

    return nest(outline, make)


def _format_tensor(entry: RegisteredTensor) -> str:
    return f"{local_name(entry)} ({', '.join(map(str, entry.spec.shape))})"
