"""Counts of changes by top-level module or section, for `diff --counts`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netinspect.reports.diff.pairing import Pairing
from netinspect.reports.diff.patterns import shared_modules
from netinspect.reports.diff.record import DiffGroup, DiffRow
from netinspect.reports.diff.state_dict import StateDict

NUMBERS = (
    *("added", "removed", "changed", "renamed", "same"),
    *("old_elements", "new_elements", "old_bytes", "new_bytes"),
)
_MOST_SINGLE = 20
"""Maximum number of top-level tensors that get a row of their own."""


def group(
    a: StateDict, b: StateDict, pairing: Pairing, rows: Iterable[DiffRow]
) -> tuple[DiffGroup, ...]:
    """Count changes by the first name component in which the names differ.

    A pair counts under its name in `a`. An added name counts without the prefixes that were
    recognised.
    """
    base_name = {pair.new: pair.old for pair in pairing.pairs}
    base_name |= {name: _without_prefixes(name, pairing) for name in pairing.added}
    names = list(dict.fromkeys((*a.entries, *base_name.values())))
    path_of = _paths(names)
    counts = {path: dict.fromkeys(NUMBERS, 0) for path in path_of.values()}
    for name, entry in a.entries.items():
        found = counts[path_of[name]]
        found["old_elements"] += entry.elements
        found["old_bytes"] += entry.bytes
    for name, entry in b.entries.items():
        found = counts[path_of[base_name[name]]]
        found["new_elements"] += entry.elements
        found["new_bytes"] += entry.bytes
    for pair in pairing.pairs:
        counts[path_of[pair.old]]["same"] += 1
    for row in rows:
        name = row.old.name if row.old is not None else base_name[row.new.name] if row.new else ""
        found = counts[path_of[name]]
        found[row.change] += 1
        found["same"] -= row.change in ("changed", "renamed")
    return tuple(DiffGroup(path=path, **found) for path, found in counts.items())


def _without_prefixes(name: str, pairing: Pairing) -> str:
    for rule in pairing.rules:
        if rule.at_start and rule.new and not rule.old:
            name = name.removeprefix(f"{rule.new}.")
    return name


def _paths(names: Sequence[str]) -> dict[str, str]:
    """Map names to the path they count under; empty if many top-level tensors share one row."""
    split = {name: name.split(".") for name in names}
    common = len(shared_modules(names))
    single = sum(len(parts) == common + 1 for parts in split.values())
    return {
        name: "" if len(parts) == common + 1 and single > _MOST_SINGLE else ".".join(parts[: common + 1])
        for name, parts in split.items()
    }
