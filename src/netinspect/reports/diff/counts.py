"""The changes counted by module, or section, of the top level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netinspect.reports.diff.pairing import Pairing
from netinspect.reports.diff.record import DiffGroup, DiffRow
from netinspect.reports.diff.state_dict import StateDict

_NUMBERS = (
    *("added", "removed", "changed", "renamed", "same"),
    *("old_elements", "new_elements", "old_bytes", "new_bytes"),
)
_MOST_SINGLE = 20
"""Tensors that stand beside the modules of the top level, each as a row of its own."""


def group(
    a: StateDict, b: StateDict, pairing: Pairing, rows: Iterable[DiffRow]
) -> tuple[DiffGroup, ...]:
    """Count changes by the first component of names that is not the same in all of them.

    A pair is counted under its name in `a`; so is what was added, without the prefixes that were
    recognised.
    """
    called = {pair.new: pair.old for pair in pairing.pairs}
    called |= {name: _without_prefixes(name, pairing) for name in pairing.added}
    names = list(dict.fromkeys((*a.members, *called.values())))
    path_of = _paths(names)
    counts = {path: dict.fromkeys(_NUMBERS, 0) for path in path_of.values()}
    for name, member in a.members.items():
        found = counts[path_of[name]]
        found["old_elements"] += member.elements
        found["old_bytes"] += member.bytes
    for name, member in b.members.items():
        found = counts[path_of[called[name]]]
        found["new_elements"] += member.elements
        found["new_bytes"] += member.bytes
    for pair in pairing.pairs:
        counts[path_of[pair.old]]["same"] += 1
    for row in rows:
        name = row.old.name if row.old is not None else called[row.new.name] if row.new else ""
        found = counts[path_of[name]]
        found[row.change] += 1
        found["same"] -= row.change in ("changed", "renamed")
    return tuple(DiffGroup(path=path, **found) for path, found in counts.items())


def _without_prefixes(name: str, pairing: Pairing) -> str:
    for rule in pairing.rules:
        if rule.front and rule.new and not rule.old:
            name = name.removeprefix(f"{rule.new}.")
    return name


def _paths(names: Sequence[str]) -> dict[str, str]:
    """Map names to what they are counted under; empty for many single tensors together."""
    split = {name: name.split(".") for name in names}
    common = _common_depth(list(split.values()))
    single = sum(len(parts) == common + 1 for parts in split.values())
    return {
        name: "" if len(parts) == common + 1 and single > _MOST_SINGLE else ".".join(parts[: common + 1])
        for name, parts in split.items()
    }


def _common_depth(split: Sequence[list[str]]) -> int:
    """How many components all names have in common, their last left out."""
    if not split:
        return 0
    first, last = min(split), max(split)
    depth = 0
    for one, other in zip(first[:-1], last[:-1], strict=False):
        if one != other:
            break
        depth += 1
    return depth
