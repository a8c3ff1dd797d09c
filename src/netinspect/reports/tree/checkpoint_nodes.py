"""Tree nodes of a checkpoint, from the dotted names of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netinspect._utils import units
from netinspect.analysis.checkpoints.name_tree import Branch, build_branches, find_repeats
from netinspect.analysis.checkpoints.optimizer_states import optimizer_paths, within
from netinspect.analysis.repeats import Node, OutlineEntry
from netinspect.errors import UsageError, suggestion
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.named_tensors import NamedTensor
from netinspect.reports.tree.record import TreeNode

_MAX_OWN = 6
"""Maximum number of tensors in the row of their branch; if there are more, each has a row."""


def build_checkpoint_nodes(checkpoint: Checkpoint, path: str, depth: int, *, fold: bool) -> TreeNode:
    """Return the top node of the tree of a checkpoint's names.

    Args:
        checkpoint: The checkpoint.
        path: Prefix of the names at the top.
        depth: Deepest level to show.
        fold: Whether a run of identical siblings, and the state of an optimizer, is one row.

    Raises:
        UsageError: No name starts with `path`.
    """
    top = _find(build_branches(checkpoint), path, checkpoint.target)
    optimizers = optimizer_paths(checkpoint)
    closed = frozenset[str]() if not fold or within(optimizers)(path) else optimizers
    has_dtypes = len({tensor.dtype for tensor in checkpoint.tensors}) > 1
    nodes = _BranchNodes(closed, depth, has_dtypes=has_dtypes)
    outline = find_repeats(top).outline(depth, ends=lambda branch: branch.path in closed)
    return nest(outline, nodes.make)


def nest(
    outline: Iterable[OutlineEntry[Node]],
    make: Callable[[OutlineEntry[Node], tuple[TreeNode, ...]], TreeNode],
) -> TreeNode:
    """Return the top node of an outline.

    Args:
        outline: The entries, each before those below it.
        make: Returns the node of an entry and the nodes of its children.
    """
    below: dict[int, list[TreeNode]] = {}
    """Nodes by level that still have no parent, the last one first."""
    for entry in reversed(list(outline)):
        children = below.pop(entry.level + 1, [])
        below.setdefault(entry.level, []).append(make(entry, tuple(reversed(children))))
    return below[0][0]


def _find(root: Branch, path: str, target: str) -> Branch:
    branch = root
    for part in path.split(".") if path else ():
        child = branch.children.get(part)
        if child is None and path == ".".join(filter(None, (branch.path, part))) and part in branch.keys:
            raise UsageError(
                f"{path} is a tensor, not a module",
                hint=f"to show the tensor: netinspect params {target} --include '{path}'",
            )
        if child is None:
            known = [each.path for each in branch.children.values()]
            raise UsageError(
                f"no name in the checkpoint starts with {path!r}",
                hint=suggestion(path, known)
                or (f"there are: {', '.join(known[:8])}" if known else "there are only tensors"),
            )
        branch = child
    return branch


class _BranchNodes:
    """Builder of the nodes of branches."""

    def __init__(self, closed: frozenset[str], depth: int, *, has_dtypes: bool) -> None:
        self._closed = closed
        self._depth = depth
        self._has_dtypes = has_dtypes

    def make(self, entry: OutlineEntry[Branch], children: tuple[TreeNode, ...]) -> TreeNode:
        """Make the node of a branch."""
        branch = entry.node
        if branch.path in self._closed:
            # The state of an optimizer has a branch for each parameter, which would be hundreds of rows.
            return self._node(entry, [units.plural(branch.count, "tensor")], ())
        tensors = list(zip(branch.keys, branch.tensors, strict=True))
        own = [f"{units.name(key)} {self._format_tensor(tensor)}" for key, tensor in tensors]
        if len(own) > _MAX_OWN and entry.level < self._depth:
            own = []
            children = (*(self._leaf(key, tensor, entry) for key, tensor in tensors), *children)
        elif len(own) > _MAX_OWN:
            own = [*own[:_MAX_OWN], f"{len(own) - _MAX_OWN:,} more"]
        return self._node(entry, own, children)

    def _node(
        self, entry: OutlineEntry[Branch], own: list[str], children: tuple[TreeNode, ...]
    ) -> TreeNode:
        branch = entry.node
        return TreeNode(
            path=branch.path,
            name=branch.name,
            class_name=branch.class_name,
            extra_repr="",
            parameters=branch.elements,
            own=tuple(own),
            repeats=len(entry.run),
            last_name=entry.run[-1].name,
            repeat_of=None if entry.repeat_of is None else entry.repeat_of.path,
            alias_of=None,
            called=True,
            children=children,
        )

    def _leaf(self, key: str, tensor: NamedTensor, parent: OutlineEntry[Branch]) -> TreeNode:
        first = parent.repeat_of
        return TreeNode(
            path=tensor.name,
            name=key,
            class_name="",
            extra_repr="",
            parameters=tensor.elements,
            own=(self._format_tensor(tensor),),
            repeats=1,
            last_name=key,
            repeat_of=None if first is None else f"{first.path}.{key}",
            alias_of=None,
            called=True,
            children=(),
        )

    def _format_tensor(self, tensor: NamedTensor) -> str:
        sizes = f"({', '.join(map(str, tensor.shape))})"
        return f"{sizes} {tensor.dtype}" if self._has_dtypes else sizes
