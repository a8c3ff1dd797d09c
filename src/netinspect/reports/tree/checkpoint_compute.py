"""The module tree that the names of a checkpoint's tensors imply."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.analysis.checkpoints.name_tree import Branch, build_branches, find_repeats
from netinspect.analysis.checkpoints.optimizer_states import optimizer_paths, within
from netinspect.analysis.checkpoints.totals import stored_totals, tied_names
from netinspect.analysis.repeats import Repeats
from netinspect.analysis.rows import refuse_negative
from netinspect.errors import UsageError, suggestion
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from netinspect.records.checkpoint_header import checkpoint_header
from netinspect.reports.tree.checkpoint_record import CheckpointTree
from netinspect.reports.tree.record import TreeNode

_IN_LINE = 6
"""Tensors that fit after the module that holds them; more of them get lines of their own."""


def build_checkpoint_tree(
    checkpoint: Checkpoint, *, path: str = "", depth: int | None = None, fold: bool = True
) -> CheckpointTree:
    """Make the tree of a checkpoint's names.

    Args:
        checkpoint: The checkpoint.
        path: Where the tree starts.
        depth: Deepest level to show; None for all.
        fold: Whether a run of identical siblings, and an optimizer's state, is one row.

    Raises:
        UsageError: No name leads through `path`, or `depth` is negative.
    """
    refuse_negative("depth", depth)
    mixed = len({tensor.dtype for tensor in checkpoint.tensors}) > 1
    top = _find(build_branches(checkpoint), path, checkpoint.target)
    optimizers = optimizer_paths(checkpoint)
    folded = frozenset[str]() if not fold or within(optimizers)(path) else optimizers
    root = _Grower(find_repeats(top), mixed=mixed, fold=fold, folded=folded).node((top,), depth)
    return CheckpointTree(
        header=checkpoint_header(checkpoint),
        root=root,
        totals=stored_totals(checkpoint),
        ties=tied_names(checkpoint),
    )


def _find(root: Branch, path: str, target: str) -> Branch:
    branch = root
    for part in path.split(".") if path else ():
        below = branch.children.get(part)
        if below is None and path == ".".join(filter(None, (branch.path, part))) and part in branch.keys:
            raise UsageError(
                f"{path} is a tensor, and nothing branches off from it",
                hint=f"netinspect params {target} --include '{path}' tells of it",
            )
        if below is None:
            known = [child.path for child in branch.children.values()]
            raise UsageError(
                f"no name in the checkpoint starts with {path!r}",
                hint=suggestion(path, known)
                or (f"there are: {', '.join(known[:8])}" if known else "it holds no more than tensors"),
            )
        branch = below
    return branch


class _Grower:
    def __init__(
        self, repeats: Repeats[Branch], *, mixed: bool, fold: bool, folded: frozenset[str]
    ) -> None:
        self._repeats = repeats
        self._mixed = mixed
        self._fold = fold
        self._folded = folded

    def node(self, run: tuple[Branch, ...], depth: int | None) -> TreeNode:
        """Make the node of a branch, or of identical neighbours."""
        branch = run[0]
        if branch.path in self._folded:
            # It is numbered by parameters: hundreds of lines that no one asked for.
            return self._node(run, [units.plural(branch.count, "tensor")], [])
        held = [
            self._spell(key, tensor) for key, tensor in zip(branch.keys, branch.tensors, strict=True)
        ]
        children: list[TreeNode] = []
        if depth != 0:
            if len(held) > _IN_LINE:
                children += [
                    self._leaf(key, tensor)
                    for key, tensor in zip(branch.keys, branch.tensors, strict=True)
                ]
                held = []
            deeper = None if depth is None else depth - 1
            children += [self.node(each, deeper) for each in self._repeats.runs(branch, fold=self._fold)]
        elif len(held) > _IN_LINE:
            held = [*held[:_IN_LINE], f"{len(held) - _IN_LINE:,} more"]
        return self._node(run, held, children)

    def _node(self, run: tuple[Branch, ...], held: list[str], children: list[TreeNode]) -> TreeNode:
        branch = run[0]
        return TreeNode(
            path=branch.path,
            name=branch.name,
            class_name=branch.class_name,
            extra="",
            parameters=branch.elements,
            own=tuple(held),
            repeats=len(run),
            last_name=run[-1].name,
            alias_of=None,
            called=True,
            children=tuple(children),
        )

    def _leaf(self, key: str, tensor: StoredTensor) -> TreeNode:
        return TreeNode(
            path=tensor.name,
            name=key,
            class_name="",
            extra="",
            parameters=tensor.elements,
            own=(self._sizes(tensor),),
            repeats=1,
            last_name=key,
            alias_of=None,
            called=True,
            children=(),
        )

    def _spell(self, key: str, tensor: StoredTensor) -> str:
        return f"{units.name(key)} {self._sizes(tensor)}"

    def _sizes(self, tensor: StoredTensor) -> str:
        sizes = f"({', '.join(map(str, tensor.shape))})"
        return f"{sizes} {tensor.dtype}" if self._mixed else sizes
