"""Identical subtrees, and runs of identical siblings.

Every view that shows a repeated block once uses this module. The caller describes its tree: the children
of a node, and the facts in which two identical nodes must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import Generic, NamedTuple, TypeVar

Node = TypeVar("Node", bound=Hashable)

_NUMBER = re.compile("[0-9]+")


def fold_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths with those that differ in numbers only as one: `blocks.*.attn.drop (12)`.

    The order is that of the first path of each.
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for path in paths:
        groups.setdefault(tuple(_NUMBER.split(path)), []).append(_NUMBER.findall(path))
    folded = []
    for texts, numbers in groups.items():
        shown = (each[0] if len(set(each)) == 1 else "*" for each in zip(*numbers, strict=True))
        path = "".join(f"{text}{number}" for text, number in zip_longest(texts, shown, fillvalue=""))
        folded.append(path if len(numbers) == 1 else f"{path} ({len(numbers)})")
    return tuple(folded)


class OutlineEntry(NamedTuple, Generic[Node]):
    """One node of an outline."""

    node: Node
    level: int
    """Level below the top of the outline."""

    run: tuple[Node, ...]
    """The identical consecutive siblings that begin with this node, itself included; alone, if it is a
    later one of such a run."""

    repeat_of: Node | None
    """The same node in the first block of its run; None for a node in no later block of a run."""


def no_label(_: str) -> None:
    """Ignore the labels of siblings: any of them can be in one run."""


def without_numbers(label: str) -> str:
    """Return what labels such as `0` and `1`, or `layer1` and `layer2`, have in common."""
    return _NUMBER.sub("#", label)


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
        self._root = root
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

    def outline(
        self, depth: int, *, ends: Callable[[Node], bool] = lambda _: False
    ) -> Iterator[OutlineEntry[Node]]:
        """Yield all nodes down to a level, each before its children.

        Args:
            depth: The deepest level.
            ends: Returns whether the children of a node are left out.
        """
        first_of: dict[Node, Node] = {}
        waiting: list[OutlineEntry[Node]] = [OutlineEntry(self._root, 0, (self._root,), None)]
        while waiting:
            entry = waiting.pop()
            if entry.repeat_of is not None:
                first_of[entry.node] = entry.repeat_of
            yield entry
            if entry.level == depth or ends(entry.node):
                continue
            same = [] if entry.repeat_of is None else [*self._children(entry.repeat_of).values()]
            below: list[OutlineEntry[Node]] = []
            for run in self.runs(entry.node):
                for index, node in enumerate(run):
                    first = same[len(below)] if same else run[0] if index else None
                    repeat_of = None if first is None else first_of.get(first, first)
                    its_run = (node,) if index else run
                    below.append(OutlineEntry(node, entry.level + 1, its_run, repeat_of))
            waiting += reversed(below)


def _children_first(root: Node, children: Callable[[Node], Mapping[str, Node]]) -> list[Node]:
    """Return all nodes, each after its children."""
    found = [root]
    for node in found:
        found += children(node).values()
    return found[::-1]


class Group(NamedTuple):
    """A run of equal groups of consecutive siblings, such as a block and the addition after it."""

    start: int
    """Index of the first sibling."""

    length: int
    """Number of siblings in each group."""

    times: int
    """Number of groups; 1 for a sibling that is not repeated."""


LONGEST_GROUP = 16
"""Largest number of siblings in a repeated group."""

_HEADING = 2
"""Rows that a group of several siblings has to save, since it needs a row of its own."""


def find_groups(
    siblings: Sequence[Hashable], rows: Sequence[int] | None = None, *, longest: int = LONGEST_GROUP
) -> list[Group]:
    """Split siblings into repeated groups so that few rows are left.

    If several ways leave as many rows, groups begin with the sibling that has the most rows. The time is
    linear in the number of siblings times `longest`.

    Args:
        siblings: What identical siblings have in common.
        rows: Number of rows of each sibling and of what is below it; None for one each.
        longest: Largest number of siblings in a group.

    Returns:
        Groups in order, which contain each sibling once.
    """
    count = len(siblings)
    rows = [1] * count if rows is None else rows
    fewest = [(0, 0)] * (count + 1)
    """For each index, the rows that are left from there on, and the groups that begin with another
    sibling than the one with most rows."""
    chosen = [Group(index, 1, 1) for index in range(count)]
    equal = [0] * (longest + 1)
    """For each length, how many siblings in a row equal the one that many places later."""
    for start in reversed(range(count)):
        left, others = fewest[start + 1]
        best = (left + rows[start], others)
        most = size = 0
        for length in range(1, min(longest, count - start) + 1):
            size += rows[start + length - 1]
            most = max(most, rows[start + length - 1])
            is_equal = start + length < count and siblings[start] == siblings[start + length]
            equal[length] = equal[length] + 1 if is_equal else 0
            times = equal[length] // length + 1
            # One time fewer may leave the start of another group.
            for each in range(times, max(times - 2, 1), -1):
                left, others = fewest[start + length * each]
                heading = _HEADING if length > 1 else 0
                found = (left + size + heading, others + (rows[start] < most))
                if found < best:
                    best, chosen[start] = found, Group(start, length, each)
        fewest[start] = best
    groups = []
    start = 0
    while start < count:
        groups.append(chosen[start])
        start += chosen[start].length * chosen[start].times
    return groups
