"""Computation of the `tree` report."""

from __future__ import annotations

from collections.abc import Hashable

from netinspect.analysis.header import header_and_totals
from netinspect.analysis.module_index import Structure
from netinspect.analysis.repeats import Repeats
from netinspect.analysis.rows import refuse_negative
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.modules import DEEPEST
from netinspect.records.tensors import RegisteredTensor
from netinspect.records.trace import Trace
from netinspect.reports.tree.checkpoint_nodes import build_checkpoint_nodes
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
        structure = Structure(source)
        top = structure.find(path).path
        root = _ModuleNodes(structure, top, fold=fold).build((top,), depth)
    header, totals, ties = header_and_totals(source)
    return Tree(header=header, root=root, totals=totals, ties=ties)


class _ModuleNodes:
    """Builder of the nodes of a model's modules."""

    def __init__(self, structure: Structure, top: str, *, fold: bool) -> None:
        self._structure = structure
        self._fold = fold
        self._never_called = set(structure.never_called())
        self._repeats = Repeats(top, self._children, self._facts)

    def build(self, run: tuple[str, ...], depth: int) -> TreeNode:
        """Build the node of a module, or of a run of identical siblings."""
        module = self._structure.modules[run[0]]
        runs = self._repeats.runs(module.path, fold=self._fold) if depth else ()
        return TreeNode(
            path=module.path,
            name=module.name,
            class_name=module.class_name,
            extra_repr=module.extra,
            parameters=self._structure.branch_sizes[module.path],
            # The class name of one of torch's own modules implies its tensors.
            own=() if module.library else tuple(map(_format_tensor, self._tensors(module.path))),
            repeats=len(run),
            last_name=self._structure.modules[run[-1]].name,
            alias_of=module.alias_of,
            called=module.path not in self._never_called,
            children=tuple(self.build(each, depth - 1) for each in runs),
            defined_at=module.defined_at,
        )

    def _children(self, path: str) -> dict[str, str]:
        module = self._structure.modules[path]
        if module.alias_of is not None:
            return {}
        return {self._structure.modules[child].name: child for child in module.children}

    def _facts(self, path: str) -> Hashable:
        module = self._structure.modules[path]
        tensors = self._tensors(path)
        return (
            module.class_path,
            module.extra,
            self._structure.branch_sizes[path],
            tuple((_local_name(each), each.spec.shape, each.spec.dtype) for each in tensors),
            path in self._never_called,
            # A shared layer without state, such as an activation, is like one for each of its paths.
            module.alias_of if tensors or module.children else None,
        )

    def _tensors(self, path: str) -> list[RegisteredTensor]:
        """Return the parameters and buffers registered directly on a module, in order."""
        module, structure = self._structure.modules[path], self._structure
        entries = {
            entry.name: entry
            for entry in (*structure.parameters.get(path, ()), *structure.buffers.get(path, ()))
        }
        return [entries[name] for name in (*module.parameters, *module.buffers) if name in entries]


def _local_name(entry: RegisteredTensor) -> str:
    return entry.name.rpartition(".")[2]


def _format_tensor(entry: RegisteredTensor) -> str:
    return f"{_local_name(entry)} ({', '.join(map(str, entry.spec.shape))})"
