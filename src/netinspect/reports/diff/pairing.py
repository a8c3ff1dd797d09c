"""Pairing of the tensor names of two state dicts, with the evidence for each rename.

Each step handles the names that the previous steps left unpaired: equal names; rules that explain
several names; equal bytes, if values may be read; modules of equal sizes. A pair is made only if no
other pair is as plausible. Used by `api.diff`; `compute` builds the report from the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from netinspect.records.base import replace
from netinspect.records.named_tensors import NamedTensor
from netinspect.reports.diff.record import Rename
from netinspect.reports.diff.renames import Evidence, renames_of_pairs, renames_of_rules
from netinspect.reports.diff.rules import Pair, Rule, Rules, find_rules
from netinspect.reports.diff.structure import Key, Match, match_structure

Entries = Mapping[str, NamedTensor]

EqualBytesFinder = Callable[[Sequence[NamedTensor], Sequence[NamedTensor]], Sequence[tuple[str, str]]]
"""Takes the unpaired tensors of both sides and returns pairs of names with equal bytes; each is the
only tensor with these bytes on its side.
"""

_KINDS = {"bool": "bool", "int": "integer", "uint": "integer", "complex": "complex"}
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Pairing:
    """All names on both sides, paired or not."""

    pairs: tuple[Pair, ...]
    renames: tuple[Rename, ...]
    rules: tuple[Rule, ...]
    """The rules among the renames; the renames start with them."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    guessed: Mapping[str, str]
    """Guessed partners in `b` of names that were removed."""

    guesses: tuple[Rename, ...]
    """The guesses as patterns."""

    open_choices: tuple[tuple[Rule, Rule, int], ...]


def pair_names(a: Entries, b: Entries, find_equal_bytes: EqualBytesFinder | None = None) -> Pairing:
    """Pair the names of two state dicts; swapping `a` and `b` gives the same pairs.

    Args:
        a: The old tensors, by name.
        b: The new tensors, by name.
        find_equal_bytes: Finds tensors of equal bytes; None if values must not be read.
    """
    if _sort_key(a) <= _sort_key(b):
        return _pair_in_order(a, b, find_equal_bytes)
    # The result must not depend on which side comes first.
    return _swap_sides(
        _pair_in_order(
            b, a, None if find_equal_bytes is None else _with_swapped_sides(find_equal_bytes)
        ),
        b,
    )


def _with_swapped_sides(find_equal_bytes: EqualBytesFinder) -> EqualBytesFinder:
    def equal_values(
        ones: Sequence[NamedTensor], others: Sequence[NamedTensor]
    ) -> list[tuple[str, str]]:
        return [(old, new) for new, old in find_equal_bytes(others, ones)]

    return equal_values


def _sort_key(side: Entries) -> tuple[int, list[str], list[str]]:
    return len(side), list(side), [str(entry.shape) for entry in side.values()]


def _swap_sides(pairing: Pairing, b: Entries) -> Pairing:
    """Return the pairing with `a` and `b` exchanged."""
    count, rules = len(pairing.renames), len(pairing.rules)
    # The inverse rules apply in reverse order.
    position = [*reversed(range(rules)), *range(rules, count)]
    order = {name: number for number, name in enumerate(b)}
    pairs = [
        Pair(new, old, tuple(position[each] for each in reversed(renames)))
        for old, new, renames in pairing.pairs
    ]
    return Pairing(
        pairs=tuple(sorted(pairs, key=lambda pair: order[pair.new])),
        renames=tuple(
            replace(each, old=each.new, new=each.old)
            for each in (pairing.renames[number] for number in position)
        ),
        rules=tuple(rule.inverse for rule in reversed(pairing.rules)),
        removed=pairing.added,
        added=pairing.removed,
        guessed={name: each for each, name in pairing.guessed.items()},
        guesses=tuple(replace(each, old=each.new, new=each.old) for each in pairing.guesses),
        open_choices=tuple(
            (one.inverse, other.inverse, names) for one, other, names in pairing.open_choices
        ),
    )


def _pair_in_order(a: Entries, b: Entries, find_equal_bytes: EqualBytesFinder | None) -> Pairing:
    rules, equal = _by_names(a, b)
    pairs = [*rules.pairs, *(Pair(name, name, ()) for name in equal)]
    renames = renames_of_rules(rules)

    def add_pairs(found: Sequence[tuple[str, str]], evidence: Evidence) -> None:
        made, numbers = renames_of_pairs(found, evidence)
        pairs.extend(
            Pair(old, new, (len(renames) + number,))
            for (old, new), number in zip(found, numbers, strict=True)
        )
        renames.extend(made)

    if find_equal_bytes is not None:
        left_a, left_b = _unpaired(a, b, pairs)
        same_values = (
            find_equal_bytes(list(left_a.values()), list(left_b.values())) if left_a and left_b else ()
        )
        add_pairs(_without_lone_vectors(same_values, left_a), "values")
    left_a, left_b = _unpaired(a, b, pairs)
    certain, guessed = _by_structure(left_a, left_b)
    position = {name: number for number, name in enumerate(a)}
    certain.sort(key=lambda each: position[each.old])
    add_pairs([each[:2] for each in certain if not each.by_size_alone], "structure")
    add_pairs([each[:2] for each in certain if each.by_size_alone], "shape")
    left_a, left_b = _unpaired(a, b, pairs)
    guessed = [each for each in guessed if each.old in left_a and each.new in left_b]
    order = {name: number for number, name in enumerate(b)}
    return Pairing(
        pairs=tuple(sorted(pairs, key=lambda pair: order[pair.new])),
        renames=tuple(renames),
        rules=rules.rules,
        removed=tuple(left_a),
        added=tuple(left_b),
        guessed={each.old: each.new for each in guessed},
        guesses=tuple(renames_of_pairs([each[:2] for each in guessed], "guess")[0]),
        open_choices=rules.open_choices,
    )


def _by_names(a: Entries, b: Entries) -> tuple[Rules, list[str]]:
    """Pair equal names, and names that a rule explains.

    If most names differ, a rule may explain more names than equality does: a model inside another may
    have both `model.model.norm` and `model.norm`.
    """
    shapes_a = {name: entry.shape for name, entry in a.items()}
    shapes_b = {name: entry.shape for name, entry in b.items()}
    equal = [name for name, shape in shapes_a.items() if shapes_b.get(name) == shape]
    if 2 * len(equal) < min(len(a), len(b)):
        rules = find_rules(shapes_a, shapes_b)
        if sum(each.renames != () for each in rules.pairs) > len(equal):
            taken_a, taken_b = {each.old for each in rules.pairs}, {each.new for each in rules.pairs}
            return rules, [name for name in a if name in b and name not in taken_a | taken_b]
    same = [name for name in a if name in b]
    both = set(same)
    return find_rules(
        {name: shape for name, shape in shapes_a.items() if name not in both},
        {name: shape for name, shape in shapes_b.items() if name not in both},
    ), same


def _unpaired(
    a: Entries, b: Entries, pairs: Sequence[Pair]
) -> tuple[dict[str, NamedTensor], dict[str, NamedTensor]]:
    old, new = {pair.old for pair in pairs}, {pair.new for pair in pairs}
    return (
        {name: entry for name, entry in a.items() if name not in old},
        {name: entry for name, entry in b.items() if name not in new},
    )


def _by_structure(a: Entries, b: Entries) -> tuple[list[Match], list[Match]]:
    """Pair by sizes, then by sizes in any order, because a weight may be transposed."""
    certain: list[Match] = []
    guessed: list[Match] = []
    left_a, left_b = dict(a), dict(b)
    for key in (_size, _sorted_size):
        keys_a = {name: key(entry) for name, entry in left_a.items()}
        keys_b = {name: key(entry) for name, entry in left_b.items()}
        # A tensor without a counterpart on the other side does not help to match modules.
        both = set(keys_a.values()) & set(keys_b.values())
        if key is _sorted_size and not _has_transposed(left_a, left_b):
            break
        found = match_structure(
            {name: each for name, each in keys_a.items() if each in both},
            {name: each for name, each in keys_b.items() if each in both},
        )
        crossing = _crossing_names(found)
        for each in found:
            if each.old in crossing:
                continue
            if each.certain and not (each.by_size_alone and _is_ambiguous_size(a[each.old], each)):
                certain.append(each)
                del left_a[each.old], left_b[each.new]
            elif key is _size and _last(each.old) == _last(each.new):
                guessed.append(each)
    return certain, guessed


def _crossing_names(found: Sequence[Match]) -> set[str]:
    """Return names in `a` whose modules would be split on both sides and their parts mixed."""
    forward: dict[str, set[str]] = {}
    back: dict[str, set[str]] = {}
    for each in found:
        forward.setdefault(_path(each.old), set()).add(_path(each.new))
        back.setdefault(_path(each.new), set()).add(_path(each.old))
    return {
        each.old
        for each in found
        if len(forward[_path(each.old)]) > 1 and len(back[_path(each.new)]) > 1
    }


def _without_lone_vectors(pairs: Sequence[tuple[str, str]], a: Entries) -> list[tuple[str, str]]:
    """Drop vectors, which may be all zeros or ones, unless a larger tensor of their module is paired."""
    modules = {(_path(old), _path(new)) for old, new in pairs if len(a[old].shape) > 1}
    return [
        (old, new) for old, new in pairs if len(a[old].shape) > 1 or (_path(old), _path(new)) in modules
    ]


def _path(name: str) -> str:
    return name.rpartition(".")[0]


def _size(entry: NamedTensor) -> Key:
    return entry.shape, _kind(entry.dtype)


def _sorted_size(entry: NamedTensor) -> Key:
    return tuple(sorted(map(str, entry.shape))), _kind(entry.dtype)


def _has_transposed(a: Entries, b: Entries) -> bool:
    """Return whether a shape of one side occurs on the other side only in reverse order."""
    ones = {(entry.shape, _kind(entry.dtype)) for entry in a.values()}
    others = {(entry.shape, _kind(entry.dtype)) for entry in b.values()}
    return any((tuple(reversed(shape)), kind) in others for shape, kind in ones - others)


def _kind(dtype: str) -> str:
    # Any other name is a float, a quantized type or a type of few bits.
    return _KINDS.get(_DIGITS.split(dtype)[0], "float")


def _is_ambiguous_size(entry: NamedTensor, match: Match) -> bool:
    """Return whether a size is weak evidence: a vector may be the bias of any layer."""
    return len(entry.shape) < 2 or _last(match.old) != _last(match.new)


def _last(name: str) -> str:
    return name.rpartition(".")[2]
