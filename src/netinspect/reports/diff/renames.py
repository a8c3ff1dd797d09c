"""Records of renames: one per rule, and one per pattern of paired names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import Literal

from netinspect.reports.diff.patterns import pattern_of
from netinspect.reports.diff.record import Rename
from netinspect.reports.diff.rules import Rule, Rules

Evidence = Literal["names", "structure", "shape", "values", "guess"]

_WRITERS = {
    "module": "DataParallel or DistributedDataParallel",
    "_orig_mod": "torch.compile",
    "_fsdp_wrapped_module": "FullyShardedDataParallel",
    "_checkpoint_wrapped_module": "activation checkpointing",
    "_forward_module": "Lightning Fabric",
    "base_model.model": "PEFT",
    "base_layer": "PEFT",
}
"""Wrappers known to insert these components into names."""


def renames_of_pairs(
    pairs: Sequence[tuple[str, str]], evidence: Evidence
) -> tuple[list[Rename], list[int]]:
    """Return one rename per pattern, and for each pair the index of its rename."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    patterns = [pattern_of(*pair) for pair in pairs]
    for pattern, pair in zip(patterns, pairs, strict=True):
        groups.setdefault(pattern, []).append(pair)
    numbers = {pattern: number for number, pattern in enumerate(groups)}
    renames = []
    for pattern, group in groups.items():
        alone = len(group) == 1
        old, new = group[0] if alone else pattern
        renames.append(
            Rename(
                kind="name" if alone else "pattern",
                old=old,
                new=new,
                names=len(group),
                evidence=evidence,
                written_by="",
            )
        )
    return renames, [numbers[pattern] for pattern in patterns]


def renames_of_rules(rules: Rules) -> list[Rename]:
    """Return one rename per rule, with the number of names that it explains."""
    uses = [0] * len(rules.rules)
    for pair in rules.pairs:
        for number in pair.renames:
            uses[number] += 1
    return list(starmap(_rename_of, zip(rules.rules, uses, strict=True)))


def _rename_of(rule: Rule, names: int) -> Rename:
    one_sided = not rule.old or not rule.new
    written_by = _writer(rule.old or rule.new) if one_sided else ""
    kind = ("prefix" if one_sided else "path") if rule.at_start else "component"
    return Rename(
        kind=kind,  # type: ignore[arg-type]
        old=f"{rule.old}." if rule.old else "",
        new=f"{rule.new}." if rule.new else "",
        names=names,
        evidence="names",
        written_by=written_by,
    )


def _writer(components: str) -> str:
    """Return the known writers of these components; empty unless every component is known."""
    if components in _WRITERS:
        return _WRITERS[components]
    known = [_WRITERS.get(each, "") for each in components.split(".")]
    return ", ".join(known) if all(known) else ""
