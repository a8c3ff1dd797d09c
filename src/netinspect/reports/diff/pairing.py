"""Which name of `a` is which of `b`, and what speaks for it.

In this order, each for the names that are left: equal names; rules that explain several names; equal
bytes, where values may be read; modules of equal sizes. Nothing is paired that could as well be paired
otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from netinspect.reports.diff.record import Rename
from netinspect.reports.diff.renames import Evidence, renames_of_pairs, renames_of_rules
from netinspect.reports.diff.rules import Rule, Rules, find_rules
from netinspect.reports.diff.state_dict import StateDictEntry
from netinspect.reports.diff.structure import Key, Match, match_structure

Members = Mapping[str, StateDictEntry]

Alike = Callable[[Sequence[StateDictEntry], Sequence[StateDictEntry]], Sequence[tuple[str, str]]]
"""Given the tensors without a partner on both sides, it returns pairs of names with the same bytes,
each the only such on both sides."""

_KINDS = {"bool": "bool", "int": "integer", "uint": "integer", "complex": "complex"}
_DIGITS = re.compile(r"\d+")


class Pair(NamedTuple):
    """A name of `a` and its partner in `b`."""

    old: str
    new: str
    renames: tuple[int, ...]
    """Which of the renames lead from one to the other; none where the names are the same."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """All names of both sides, paired or not."""

    pairs: tuple[Pair, ...]
    renames: tuple[Rename, ...]
    rules: tuple[Rule, ...]
    """The rules among the renames, which come first."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    perhaps: Mapping[str, str]
    """For some of what was removed: what was added in its place, at a guess."""

    guesses: tuple[Rename, ...]
    """The same as patterns."""

    open_choices: tuple[tuple[Rule, Rule, int], ...]


def pair_up(a: Members, b: Members, alike: Alike | None = None) -> Pairing:
    """Pair the names of two sides; the other way round the pairs are the same.

    Args:
        a: The tensors of one side, by name.
        b: Those of the other.
        alike: What tells tensors of equal bytes, where values may be read.
    """
    if _order(a) <= _order(b):
        return _pair_up(a, b, alike)
    # What is found must not hang on which side comes first.
    return _mirrored(_pair_up(b, a, None if alike is None else _turned_round(alike)), b)


def _turned_round(alike: Alike) -> Alike:
    def equal_values(
        ones: Sequence[StateDictEntry], others: Sequence[StateDictEntry]
    ) -> list[tuple[str, str]]:
        return [(old, new) for new, old in alike(others, ones)]

    return equal_values


def _order(side: Members) -> tuple[int, list[str], list[str]]:
    return len(side), list(side), [str(member.shape) for member in side.values()]


def _mirrored(pairing: Pairing, b: Members) -> Pairing:
    """Turn a pairing round."""
    count, rules = len(pairing.renames), len(pairing.rules)
    # Rules lead back in the reverse order.
    place = [*reversed(range(rules)), *range(rules, count)]
    order = {name: number for number, name in enumerate(b)}
    pairs = [
        Pair(new, old, tuple(place[each] for each in reversed(renames)))
        for old, new, renames in pairing.pairs
    ]
    return Pairing(
        pairs=tuple(sorted(pairs, key=lambda pair: order[pair.new])),
        renames=tuple(
            replace(each, old=each.new, new=each.old)
            for each in (pairing.renames[number] for number in place)
        ),
        rules=tuple(rule.inverse for rule in reversed(pairing.rules)),
        removed=pairing.added,
        added=pairing.removed,
        perhaps={name: each for each, name in pairing.perhaps.items()},
        guesses=tuple(replace(each, old=each.new, new=each.old) for each in pairing.guesses),
        open_choices=tuple(
            (one.inverse, other.inverse, names) for one, other, names in pairing.open_choices
        ),
    )


def _pair_up(a: Members, b: Members, alike: Alike | None) -> Pairing:
    rules, equal = _by_names(a, b)
    pairs = [Pair(each.old, each.new, each.rules) for each in rules.pairs]
    pairs += [Pair(name, name, ()) for name in equal]
    renames = renames_of_rules(rules)

    def claim(found: Sequence[tuple[str, str]], evidence: Evidence) -> None:
        made, numbers = renames_of_pairs(found, evidence)
        pairs.extend(
            Pair(old, new, (len(renames) + number,))
            for (old, new), number in zip(found, numbers, strict=True)
        )
        renames.extend(made)

    if alike is not None:
        left_a, left_b = _left(a, b, pairs)
        same_values = alike(list(left_a.values()), list(left_b.values())) if left_a and left_b else ()
        claim(_surely_alike(same_values, left_a), "values")
    left_a, left_b = _left(a, b, pairs)
    claimed, guessed = _by_structure(left_a, left_b)
    place = {name: number for number, name in enumerate(a)}
    claimed.sort(key=lambda each: place[each.old])
    claim([each[:2] for each in claimed if not each.alone], "structure")
    claim([each[:2] for each in claimed if each.alone], "shape")
    left_a, left_b = _left(a, b, pairs)
    guessed = [each for each in guessed if each.old in left_a and each.new in left_b]
    order = {name: number for number, name in enumerate(b)}
    return Pairing(
        pairs=tuple(sorted(pairs, key=lambda pair: order[pair.new])),
        renames=tuple(renames),
        rules=rules.rules,
        removed=tuple(left_a),
        added=tuple(left_b),
        perhaps={each.old: each.new for each in guessed},
        guesses=tuple(renames_of_pairs([each[:2] for each in guessed], "guess")[0]),
        open_choices=rules.open_choices,
    )


def _by_names(a: Members, b: Members) -> tuple[Rules, list[str]]:
    """Pair by names: equal ones, and those that a rule explains.

    Where most names are not the same, a rule may explain more than equality does: a model inside another
    may have names such as `model.model.norm` beside `model.norm`.
    """
    shapes_a = {name: member.shape for name, member in a.items()}
    shapes_b = {name: member.shape for name, member in b.items()}
    equal = [name for name, shape in shapes_a.items() if shapes_b.get(name) == shape]
    if 2 * len(equal) < min(len(a), len(b)):
        rules = find_rules(shapes_a, shapes_b)
        if sum(each.rules != () for each in rules.pairs) > len(equal):
            taken_a, taken_b = {each.old for each in rules.pairs}, {each.new for each in rules.pairs}
            return rules, [name for name in a if name in b and name not in taken_a | taken_b]
    same = [name for name in a if name in b]
    both = set(same)
    return find_rules(
        {name: shape for name, shape in shapes_a.items() if name not in both},
        {name: shape for name, shape in shapes_b.items() if name not in both},
    ), same


def _left(
    a: Members, b: Members, pairs: Sequence[Pair]
) -> tuple[dict[str, StateDictEntry], dict[str, StateDictEntry]]:
    old, new = {pair.old for pair in pairs}, {pair.new for pair in pairs}
    return (
        {name: member for name, member in a.items() if name not in old},
        {name: member for name, member in b.items() if name not in new},
    )


def _by_structure(a: Members, b: Members) -> tuple[list[Match], list[Match]]:
    """Pair what is left by sizes; then by sizes in any order: a weight may be transposed."""
    claimed: list[Match] = []
    guessed: list[Match] = []
    left_a, left_b = dict(a), dict(b)
    for key in (_size, _size_in_any_order):
        keys_a = {name: key(member) for name, member in left_a.items()}
        keys_b = {name: key(member) for name, member in left_b.items()}
        # What no tensor of the other side can be says nothing of the module that it is in.
        both = set(keys_a.values()) & set(keys_b.values())
        if key is _size_in_any_order and not _turned(left_a, left_b):
            break
        found = match_structure(
            {name: each for name, each in keys_a.items() if each in both},
            {name: each for name, each in keys_b.items() if each in both},
        )
        torn = _torn(found)
        for each in found:
            if each.old in torn:
                continue
            if each.claimed and not (each.alone and _too_common(a[each.old], each)):
                claimed.append(each)
                del left_a[each.old], left_b[each.new]
            elif key is _size and _last(each.old) == _last(each.new):
                guessed.append(each)
    return claimed, guessed


def _torn(found: Sequence[Match]) -> set[str]:
    """Names of `a` whose modules would be torn on both sides: parts of one with parts of another."""
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


def _surely_alike(pairs: Sequence[tuple[str, str]], a: Members) -> list[tuple[str, str]]:
    """Leave out vectors, which may be all zeros or ones, unless something larger goes with them."""
    modules = {(_path(old), _path(new)) for old, new in pairs if len(a[old].shape) > 1}
    return [
        (old, new) for old, new in pairs if len(a[old].shape) > 1 or (_path(old), _path(new)) in modules
    ]


def _path(name: str) -> str:
    return name.rpartition(".")[0]


def _size(member: StateDictEntry) -> Key:
    return member.shape, _kind(member.dtype)


def _size_in_any_order(member: StateDictEntry) -> Key:
    return tuple(sorted(map(str, member.shape))), _kind(member.dtype)


def _turned(a: Members, b: Members) -> bool:
    """Whether some size on one side is on the other in another order only."""
    ones = {(member.shape, _kind(member.dtype)) for member in a.values()}
    others = {(member.shape, _kind(member.dtype)) for member in b.values()}
    return any((tuple(reversed(shape)), kind) in others for shape, kind in ones - others)


def _kind(dtype: str) -> str:
    # What has another name is a quantized number, or one of few bits.
    return _KINDS.get(_DIGITS.split(dtype)[0], "float")


def _too_common(member: StateDictEntry, match: Match) -> bool:
    """Whether a size says too little: a vector may be the bias of anything."""
    return len(member.shape) < 2 or _last(match.old) != _last(match.new)


def _last(name: str) -> str:
    return name.rpartition(".")[2]
