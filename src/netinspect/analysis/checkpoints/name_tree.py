"""Tree of modules that the dotted names of a checkpoint imply."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field

from netinspect.analysis.named_tensors import named_tensors
from netinspect.analysis.repeats import Repeats, without_numbers
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.named_tensors import NamedTensor

DEEPEST = 64
"""Maximum number of levels; the rest of a longer name is one key, so that the tree can be walked."""

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


@dataclass(slots=True, eq=False)
class Branch:
    """A prefix of names, with everything below it."""

    path: str
    name: str
    tensors: list[NamedTensor] = field(default_factory=list)
    """Tensors directly in the branch, not in a child."""

    keys: list[str] = field(default_factory=list)
    """Last part of the name of each of these tensors."""

    children: dict[str, Branch] = field(default_factory=dict)
    class_path: str = ""
    """Class of the module at `path`; empty if the file does not state it."""

    count: int = 0
    """Number of names in the whole branch."""

    elements: int = 0
    """Elements in the whole branch, without tensors that were counted under an earlier name."""

    bytes: int = 0
    dtypes: dict[str, None] = field(default_factory=dict)
    """Dtypes of all tensors in the whole branch, in order."""

    @property
    def class_name(self) -> str:
        """Class of the module without its Python module; empty if the file does not state it."""
        return self.class_path.rpartition(".")[2]


def build_branches(checkpoint: Checkpoint) -> Branch:
    """Build the tree of a checkpoint's names; an empty part of a name is a level too.

    Numbered siblings are sorted by number. Other siblings keep the order of the file, except in
    safetensors: these are written in order of dtype and distributed over shards by size, so their
    names are sorted.
    """
    classes = {module.path: module.class_path for module in checkpoint.modules}
    root = Branch(path="", name="", class_path=classes.get("", ""))
    everything = [root]
    for tensor in named_tensors(checkpoint):
        *above, key = tensor.name.split(".", DEEPEST)
        branch = root
        for part in above:
            below = branch.children.get(part)
            if below is None:
                path = f"{branch.path}.{part}" if branch is not root else part
                below = Branch(path=path, name=part, class_path=classes.get(path, ""))
                branch.children[part] = below
                everything.append(below)
            branch = below
        branch.tensors.append(tensor)
        branch.keys.append(key)
    # Parents precede their children in the list, so that in reverse each child is complete first.
    for branch in reversed(everything):
        _add_up(branch)
        _sort(branch, by_name=checkpoint.format == "safetensors")
    return root


def find_repeats(root: Branch) -> Repeats[Branch]:
    """Find identical branches; those of one run have names that differ only in a number."""
    return Repeats(
        root,
        lambda branch: branch.children,
        _facts,
        ordered=False,
        label_key=without_numbers,
    )


def _facts(branch: Branch) -> Hashable:
    tensors = frozenset(
        (key, tensor.dtype, tensor.shape)
        for key, tensor in zip(branch.keys, branch.tensors, strict=True)
    )
    # The number of elements distinguishes a tensor from one that is tied to it.
    return branch.class_path, branch.elements, tensors


def _sort(branch: Branch, *, by_name: bool) -> None:
    if by_name:
        order = sorted(zip(branch.keys, branch.tensors, strict=True), key=lambda each: each[0])
        branch.keys = [key for key, _ in order]
        branch.tensors = [tensor for _, tensor in order]
    if len(branch.children) > 1 and (by_name or all(name.isdecimal() for name in branch.children)):
        branch.children = dict(sorted(branch.children.items(), key=lambda each: _natural(each[0])))


def _natural(name: str) -> tuple[tuple[str, int, str], ...]:
    """Return a sort key that puts 2 before 10."""
    return tuple((text, int(digits[:18] or 0), digits) for text, digits in _PARTS.findall(name))


def _add_up(branch: Branch) -> None:
    for tensor in branch.tensors:
        branch.count += 1
        branch.dtypes.setdefault(tensor.dtype)
        branch.elements += tensor.counted_elements
        branch.bytes += tensor.counted_bytes
    for child in branch.children.values():
        branch.count += child.count
        branch.elements += child.elements
        branch.bytes += child.bytes
        branch.dtypes.update(child.dtypes)
