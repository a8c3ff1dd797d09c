"""The tree that dotted names imply, with identical neighbours known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from netinspect.analysis.checkpoints.totals import first_of_each
from netinspect.records.checkpoint import Checkpoint, StoredTensor

DEEPEST = 64
"""Levels of the tree; what is below stays one name, so that no name makes a tree too deep to walk."""

_NUMBER = re.compile(r"[0-9]+")
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


@dataclass(slots=True, eq=False)
class Branch:
    """One level of the names, and all below it."""

    path: str
    name: str
    tensors: list[StoredTensor] = field(default_factory=list)
    """Those that it holds itself."""

    keys: list[str] = field(default_factory=list)
    """The last part of the name of each."""

    children: dict[str, Branch] = field(default_factory=dict)
    likeness: int = 0
    """The same for branches that differ in nothing but the number in their own name."""

    count: int = 0
    """Names in the branch."""

    elements: int = 0
    """Elements in the branch; those that an earlier name has are not counted again."""

    bytes: int = 0
    dtypes: dict[str, None] = field(default_factory=dict)
    """Of all tensors in the branch, in their order."""

    def runs(self, *, full: bool = False) -> Iterator[tuple[Branch, ...]]:
        """Yield its children, identical neighbours together.

        Args:
            full: Yield each by itself.
        """
        run: list[Branch] = []
        for child in self.children.values():
            if run and (full or child.likeness != run[-1].likeness):
                yield tuple(run)
                run = []
            run.append(child)
        if run:
            yield tuple(run)


def build_branches(checkpoint: Checkpoint) -> Branch:
    """Make the tree of a checkpoint's names; empty parts of a name are parts like others.

    Numbered siblings come by their numbers. Others keep the order of the file, unless that states
    nothing: safetensors are by dtype, and over shards as they fit.
    """
    root = Branch(path="", name="")
    everything = [root]
    for tensor in checkpoint.tensors:
        *above, key = tensor.name.split(".", DEEPEST)
        branch = root
        for part in above:
            below = branch.children.get(part)
            if below is None:
                path = f"{branch.path}.{part}" if branch is not root else part
                below = branch.children[part] = Branch(path=path, name=part)
                everything.append(below)
            branch = below
        branch.tensors.append(tensor)
        branch.keys.append(key)
    first = {id(tensor) for tensor in first_of_each(checkpoint.tensors)}
    classes = {module.path: module.class_path for module in checkpoint.modules}
    known: dict[object, int] = {}
    # Each comes after what it is in: backwards, what a branch holds is summed up before itself.
    for branch in reversed(everything):
        _sum_up(branch, first)
        outside = frozenset(
            (key, tensor.dtype, tensor.shape)
            for key, tensor in zip(branch.keys, branch.tensors, strict=True)
        )
        inside = frozenset((child.name, child.likeness) for child in branch.children.values())
        # What counts differs between a tensor and one that is tied to it.
        facts = (classes.get(branch.path), outside, inside, branch.elements)
        branch.likeness = known.setdefault((_NUMBER.sub("#", branch.name), *facts), len(known))
        _sort(branch, by_name=checkpoint.format == "safetensors")
    return root


def _sort(branch: Branch, *, by_name: bool) -> None:
    if by_name:
        order = sorted(zip(branch.keys, branch.tensors, strict=True), key=lambda each: each[0])
        branch.keys = [key for key, _ in order]
        branch.tensors = [tensor for _, tensor in order]
    if len(branch.children) > 1 and (by_name or all(name.isdecimal() for name in branch.children)):
        branch.children = dict(sorted(branch.children.items(), key=lambda each: _natural(each[0])))


def _natural(name: str) -> tuple[tuple[str, int, str], ...]:
    """A key that sorts 2 before 10."""
    return tuple((text, int(digits[:18] or 0), digits) for text, digits in _PARTS.findall(name))


def _sum_up(branch: Branch, first: set[int]) -> None:
    for tensor in branch.tensors:
        branch.count += 1
        branch.dtypes.setdefault(tensor.dtype)
        if id(tensor) in first:
            branch.elements += tensor.elements
            branch.bytes += tensor.counted_bytes
    for child in branch.children.values():
        branch.count += child.count
        branch.elements += child.elements
        branch.bytes += child.bytes
        branch.dtypes.update(child.dtypes)
