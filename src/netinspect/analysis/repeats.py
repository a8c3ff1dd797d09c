"""Identical subtrees, and runs of identical siblings.

Every view that shows a repeated block once uses this module. The caller describes its tree: the children
of a node, and the facts in which two identical nodes must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


def run_path(paths: Sequence[str]) -> str:
    """Format the paths of the modules at one place of identical blocks: `blocks.0-11.fc  x12`."""
    parts = (
        list(dict.fromkeys(part)) for part in zip(*(path.split(".") for path in paths), strict=True)
    )
    joined = ".".join(part[0] if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
    return f"{joined}  x{len(paths)}"


def no_label(_: str) -> None:
    """Ignore the labels of siblings: any of them can be in one run."""


class Repeats(Generic[Node]):
    """Signatures of the nodes of a tree, equal for identical subtrees and only for those.

    Two subtrees are identical if their roots have equal facts, and their children have equal labels and
    are identical in turn. The label of the root itself is not compared.

    A signature is a number that stands for the facts of a node and for the labels and signatures of its
    children (hash-consing). The time is linear in the number of nodes, and the depth is not limited.

    Args:
        root: Top of the tree.
        children: Returns the children of a node by label, in order.
        facts: Returns what identical nodes have in common apart from their children, such as class,
            constructor facts, shapes and dtypes.
        ordered: Whether the order of the children matters.
        label_key: Returns the part of a label that the siblings of one run have in common.
    """

    def __init__(
        self,
        root: Node,
        children: Callable[[Node], Mapping[str, Node]],
        facts: Callable[[Node], Hashable],
        *,
        ordered: bool = True,
        label_key: Callable[[str], Hashable] = no_label,
    ) -> None:
        self._children = children
        self._label_key = label_key
        self._signatures: dict[Node, int] = {}
        known: dict[Hashable, int] = {}
        collect: Callable[[Iterable[tuple[str, int]]], Hashable] = tuple if ordered else frozenset
        for node in _children_first(root, children):
            inside = collect((label, self._signatures[child]) for label, child in children(node).items())
            self._signatures[node] = known.setdefault((facts(node), inside), len(known))

    def signature(self, node: Node) -> int:
        """Return the number that a node shares with all nodes that are identical to it."""
        return self._signatures[node]

    def runs(self, node: Node, *, fold: bool = True) -> list[tuple[Node, ...]]:
        """Return the children of a node in order, consecutive identical ones together.

        Args:
            node: The parent.
            fold: Whether to put identical ones together; if not, each child is a run of its own.
        """
        children = self._children(node)
        if not fold:
            return [(child,) for child in children.values()]
        groups = groupby(
            children.items(), lambda item: (self._label_key(item[0]), self._signatures[item[1]])
        )
        return [tuple(child for _, child in group) for _, group in groups]


def _children_first(root: Node, children: Callable[[Node], Mapping[str, Node]]) -> list[Node]:
    """Return all nodes, each after its children."""
    found = [root]
    for node in found:
        found += children(node).values()
    return found[::-1]
