"""Pairs by structure: modules that hold tensors of the same sizes, whatever they are called.

The names that are left on both sides are made trees by their dots. Two branches with tensors of the
same sizes are the same module if they are the only such in their place, or if both places have as many
of them, and numbers in their names tell which is which. Inside a pair the search goes on. Where neither
tells, nothing is claimed: likeness of names and their order make a guess, and it is told as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netinspect.reports.diff.guesses import guess

Key = tuple[object, ...]
"""Sizes and kind of a tensor, as far as they must be equal."""

_NUMBER = re.compile(r"\d+")
_MASK = (1 << 64) - 1


class Match(NamedTuple):
    """A name of `a`, one of `b`, and whether it is more than a guess."""

    old: str
    new: str
    claimed: bool
    alone: bool
    """Whether it was found by its own size alone, and not as part of a module."""


@dataclass(slots=True)
class _Branch:
    """A part of a tree of names; one that only leads to a single other is left out."""

    label: str
    """Its components below the branch that holds it."""

    name: str
    key: Key | None = None
    """Of a leaf."""

    count: int = 0
    print: int = 0
    """A sum over the keys of its leaves: equal for branches with the same."""

    below: list[_Branch] = field(default_factory=list)

    @property
    def sign(self) -> tuple[int, int]:
        return self.count, self.print


def match_structure(a: Mapping[str, Key], b: Mapping[str, Key]) -> list[Match]:
    """Pair names by the sizes of tensors and the modules that they form.

    Args:
        a: Names without a partner, with what must be equal of their tensors.
        b: The same of the other side.
    """
    if not a or not b:
        return []
    matches: list[Match] = []
    waiting = [(_grow(a), _grow(b), True)]
    at_the_top = True
    while waiting:
        one, other, claimed = waiting.pop()
        for left, right, sure in _pair_inside(one, other):
            if left.key is not None and right.key is not None:
                matches.append(Match(left.name, right.name, claimed and sure, at_the_top))
            else:
                waiting.append((left, right, claimed and sure))
        at_the_top = False
    return matches


def _grow(names: Mapping[str, Key]) -> _Branch:
    """Make a tree of names."""
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
    # Names may be deep, since anyone can write them: this must not recurse.
    top = _Branch(label, name)
    done: list[tuple[_Branch, _Branch | None]] = []
    waiting: list[tuple[_Branch, _Branch | None, object]] = [(top, None, node)]
    while waiting:
        branch, above, content = waiting.pop()
        while isinstance(content, dict) and len(content) == 1 and above is not None:
            ((part, content),) = content.items()
            branch.label += part
        if isinstance(content, tuple):
            branch.name, branch.key = content
            branch.count, branch.print = 1, hash(branch.key) & _MASK
        elif isinstance(content, dict):
            waiting += [(_Branch(part, ""), branch, inner) for part, inner in reversed(content.items())]
        if above is not None:
            above.below.append(branch)
        done.append((branch, above))
    for branch, above in reversed(done):
        if above is not None:
            above.count += branch.count
            above.print = (above.print + branch.print) & _MASK
    return top


def _pair_inside(one: _Branch, other: _Branch) -> Iterator[tuple[_Branch, _Branch, bool]]:
    """Pair what two branches hold: level by level, the largest parts first."""
    left, right = list(one.below), list(other.below)
    while left and right:
        paired: set[int] = set()
        for x, y, sure in _pair_level(left, right):
            paired |= {id(x), id(y)}
            yield x, y, sure
        left = [each for each in left if id(each) not in paired]
        right = [each for each in right if id(each) not in paired]
        # The largest that are left are opened: what they hold may have partners.
        largest = max((each.count for each in (*left, *right)), default=0)
        if largest <= 1:
            return
        left = _opened(left, largest)
        right = _opened(right, largest)


def _opened(branches: Iterable[_Branch], count: int) -> list[_Branch]:
    opened: list[_Branch] = []
    for branch in branches:
        if branch.count < count or branch.key is not None:
            opened.append(branch)
            continue
        for inner in branch.below:
            inner.label = branch.label + inner.label
            opened.append(inner)
    return opened


def _pair_level(
    left: Iterable[_Branch], right: Iterable[_Branch]
) -> Iterator[tuple[_Branch, _Branch, bool]]:
    groups: dict[tuple[int, int], tuple[list[_Branch], list[_Branch]]] = {}
    for branches, side in ((left, 0), (right, 1)):
        for branch in branches:
            groups.setdefault(branch.sign, ([], []))[side].append(branch)
    for ones, others in groups.values():
        yield from _pair_alike(ones, others)


def _pair_alike(ones: list[_Branch], others: list[_Branch]) -> Iterator[tuple[_Branch, _Branch, bool]]:
    """Pair branches that hold the same: by name, alone, by number; else as a guess."""
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
    for here, there in guess([branch.label for branch in rest], [branch.label for branch in left]):
        yield rest[here], left[there], False


def _by_number(ones: list[_Branch], others: list[_Branch]) -> list[tuple[_Branch, _Branch]] | None:
    """Pair branches that differ in one number only, by that number; or None."""
    sorted_ones, sorted_others = _numbered(ones), _numbered(others)
    if sorted_ones is None or sorted_others is None:
        return None
    shifts = {number - other for (number, _), (other, _) in zip(sorted_ones, sorted_others, strict=True)}
    if len(shifts) != 1:
        return None
    return [(one, other) for (_, one), (_, other) in zip(sorted_ones, sorted_others, strict=True)]


def _numbered(branches: list[_Branch]) -> list[tuple[int, _Branch]] | None:
    """Sort branches by the number in their label, if that alone tells them apart."""
    numbers: list[tuple[int, _Branch]] = []
    spots: set[tuple[str, ...]] = set()
    found = [_NUMBER.findall(branch.label) for branch in branches]
    width = {len(each) for each in found}
    if len(width) != 1 or width == {0}:
        return None
    varying = [index for index in range(width.pop()) if len({each[index] for each in found}) > 1]
    if len(varying) != 1:
        return None
    for branch, each in zip(branches, found, strict=True):
        spots.add(tuple(_NUMBER.sub("#", branch.label).split(".")))
        digits = each[varying[0]]
        if len(digits) > 18:  # no number of a layer
            return None
        numbers.append((int(digits), branch))
    return sorted(numbers, key=lambda each: each[0]) if len(spots) == 1 else None
