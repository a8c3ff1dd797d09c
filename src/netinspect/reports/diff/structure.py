"""Pairs by structure: modules with tensors of equal sizes, independent of their names.

The unpaired names of both sides form trees, split at dots. Two branches with tensors of the same sizes
are the same module if they are unique among their siblings, or if both sides have equally many of them
and the numbers in their names show which belong together. The search continues inside each pair. If
neither holds, similar names and their order make a guess, marked as uncertain. Used by `pairing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netinspect.reports.diff.guesses import guess_pairs

Key = tuple[object, ...]
"""The properties of a tensor that must be equal: sizes and kind of dtype."""

_NUMBER = re.compile(r"\d+")
_MASK = (1 << 64) - 1


class Match(NamedTuple):
    """A name in `a`, its partner in `b`, and whether the pair is more than a guess."""

    old: str
    new: str
    certain: bool
    by_size_alone: bool
    """Whether it was found as a single tensor, not as part of a module."""


@dataclass(slots=True)
class _Branch:
    """A branch of a tree of names; branches with a single child are merged with it."""

    label: str
    """Its name components relative to the parent branch."""

    name: str
    key: Key | None = None
    """Set only for a leaf."""

    count: int = 0
    fingerprint: int = 0
    """Sum of the hashes of the leaves' keys: equal for branches with the same tensors."""

    children: list[_Branch] = field(default_factory=list)

    @property
    def signature(self) -> tuple[int, int]:
        return self.count, self.fingerprint


def match_structure(a: Mapping[str, Key], b: Mapping[str, Key]) -> list[Match]:
    """Pair names by the sizes of tensors and the modules that contain them.

    Args:
        a: Unpaired names, each with the properties that must be equal.
        b: The same for the other side.
    """
    if not a or not b:
        return []
    matches: list[Match] = []
    pending = [(_build_tree(a), _build_tree(b), True)]
    at_root = True
    while pending:
        one, other, certain = pending.pop()
        for left, right, is_certain in _pair_children(one, other):
            if left.key is not None and right.key is not None:
                matches.append(Match(left.name, right.name, certain and is_certain, at_root))
            else:
                pending.append((left, right, certain and is_certain))
        at_root = False
    return matches


def _build_tree(names: Mapping[str, Key]) -> _Branch:
    root: dict[str, object] = {}
    for name, key in names.items():
        *path, last = name.split(".")
        node = root
        for part in path:
            step = node.setdefault(part + ".", {})
            assert isinstance(step, dict)
            node = step
        node[last] = (name, key)
    return _branch("", "", root)


def _branch(label: str, name: str, node: object) -> _Branch:
    # Names come from files and may be arbitrarily deep, so this does not recurse.
    top = _Branch(label, name)
    done: list[tuple[_Branch, _Branch | None]] = []
    pending: list[tuple[_Branch, _Branch | None, object]] = [(top, None, node)]
    while pending:
        branch, parent, content = pending.pop()
        while isinstance(content, dict) and len(content) == 1 and parent is not None:
            ((part, content),) = content.items()
            branch.label += part
        if isinstance(content, tuple):
            branch.name, branch.key = content
            branch.count, branch.fingerprint = 1, hash(branch.key) & _MASK
        elif isinstance(content, dict):
            pending += [(_Branch(part, ""), branch, inner) for part, inner in reversed(content.items())]
        if parent is not None:
            parent.children.append(branch)
        done.append((branch, parent))
    for branch, parent in reversed(done):
        if parent is not None:
            parent.count += branch.count
            parent.fingerprint = (parent.fingerprint + branch.fingerprint) & _MASK
    return top


def _pair_children(one: _Branch, other: _Branch) -> Iterator[tuple[_Branch, _Branch, bool]]:
    """Yield pairs of the branches below two branches, level by level, the largest first."""
    left, right = list(one.children), list(other.children)
    while left and right:
        paired: set[int] = set()
        for x, y, is_certain in _pair_level(left, right):
            paired |= {id(x), id(y)}
            yield x, y, is_certain
        left = [each for each in left if id(each) not in paired]
        right = [each for each in right if id(each) not in paired]
        # Expand the largest unpaired branches: their children may have partners.
        largest = max((each.count for each in (*left, *right)), default=0)
        if largest <= 1:
            return
        left = _expand(left, largest)
        right = _expand(right, largest)


def _expand(branches: Iterable[_Branch], count: int) -> list[_Branch]:
    expanded: list[_Branch] = []
    for branch in branches:
        if branch.count < count or branch.key is not None:
            expanded.append(branch)
            continue
        for inner in branch.children:
            inner.label = branch.label + inner.label
            expanded.append(inner)
    return expanded


def _pair_level(
    left: Iterable[_Branch], right: Iterable[_Branch]
) -> Iterator[tuple[_Branch, _Branch, bool]]:
    groups: dict[tuple[int, int], tuple[list[_Branch], list[_Branch]]] = {}
    for branches, side in ((left, 0), (right, 1)):
        for branch in branches:
            groups.setdefault(branch.signature, ([], []))[side].append(branch)
    for ones, others in groups.values():
        yield from _pair_identical(ones, others)


def _pair_identical(
    ones: list[_Branch], others: list[_Branch]
) -> Iterator[tuple[_Branch, _Branch, bool]]:
    """Pair branches with the same tensors: by name, if unique, by number; otherwise as a guess."""
    named = {branch.label: branch for branch in others}
    rest: list[_Branch] = []
    for branch in ones:
        if branch.label in named:
            yield branch, named.pop(branch.label), True
        else:
            rest.append(branch)
    left = list(named.values())
    if len(rest) == 1 and len(left) == 1:
        yield rest[0], left[0], True
        return
    if len(rest) != len(left):
        return
    by_number = _by_number(rest, left)
    if by_number is not None:
        for one, other in by_number:
            yield one, other, True
        return
    for here, there in guess_pairs([branch.label for branch in rest], [branch.label for branch in left]):
        yield rest[here], left[there], False


def _by_number(ones: list[_Branch], others: list[_Branch]) -> list[tuple[_Branch, _Branch]] | None:
    """Pair branches that differ only in one number, by that number; None if they do not."""
    sorted_ones, sorted_others = _sort_by_number(ones), _sort_by_number(others)
    if sorted_ones is None or sorted_others is None:
        return None
    shifts = {number - other for (number, _), (other, _) in zip(sorted_ones, sorted_others, strict=True)}
    if len(shifts) != 1:
        return None
    return [(one, other) for (_, one), (_, other) in zip(sorted_ones, sorted_others, strict=True)]


def _sort_by_number(branches: list[_Branch]) -> list[tuple[int, _Branch]] | None:
    """Sort branches by the number in their label; None unless only that number differs."""
    numbers: list[tuple[int, _Branch]] = []
    templates: set[tuple[str, ...]] = set()
    found = [_NUMBER.findall(branch.label) for branch in branches]
    width = {len(each) for each in found}
    if len(width) != 1 or width == {0}:
        return None
    varying = [index for index in range(width.pop()) if len({each[index] for each in found}) > 1]
    if len(varying) != 1:
        return None
    for branch, each in zip(branches, found, strict=True):
        templates.add(tuple(_NUMBER.sub("#", branch.label).split(".")))
        digits = each[varying[0]]
        if len(digits) > 18:  # too long for the number of a layer
            return None
        numbers.append((int(digits), branch))
    return sorted(numbers, key=lambda each: each[0]) if len(templates) == 1 else None
