"""Rename rules: substitutions in dotted names that each explain many renamed tensors.

Two names that differ in one part of their path suggest a rule: a prefix (`module.`), a renamed component
(`layers` for `blocks`), an inserted component (`base_layer`). A rule is accepted only if it maps several
names to names of equal shape on the other side, and if no other rule maps the same names elsewhere
equally well. Used by `pairing`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

Shapes = Mapping[str, tuple[int | str, ...]]
"""Shapes by name."""

_MIN_NAMES = 2
"""Minimum number of names that a rule must explain."""

_MAX_SAMPLES = 300
"""Maximum number of names from which rules are derived."""

_MAX_PER_TEMPLATE = 2
_MAX_PARTNERS = 8
"""Maximum number of names on the other side that one name is compared with."""

_MAX_CANDIDATES = 16
"""Maximum number of rules evaluated: those that most pairs suggest."""

_SAMPLE_SIZE = 2000
"""Number of names that candidate rules are evaluated on before the best are evaluated on all."""

_MAX_FULL_CHECKS = 2
_MAX_RULES = 40
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Rule:
    """A substitution of name components."""

    old: str
    """Components joined by dots; empty for an insertion."""

    new: str
    at_start: bool
    """Whether the rule replaces leading components only; otherwise it applies anywhere in a name."""

    @property
    def substitution(self) -> Callable[[str], str | None]:
        """Function from a name in `a` to the new name; None if the rule does not apply to the name."""
        if self.at_start:
            start, new = f"{self.old}." if self.old else "", f"{self.new}." if self.new else ""

            def replace_prefix(name: str) -> str | None:
                return new + name[len(start) :] if name.startswith(start) else None

            return replace_prefix
        if not self.old:
            return lambda name: None  # the place of an insertion is known only from the other side
        pattern, new = _component_pattern(self.old), self.new

        def replace_component(name: str) -> str | None:
            if self.old not in name:
                return None
            made = pattern.sub(lambda match: match[1] + (f"{new}." if new else ""), name)
            return made if made != name else None

        return replace_component

    @property
    def inverse(self) -> Rule:
        """The rule from `b` to `a`."""
        return Rule(self.new, self.old, self.at_start)


class Pair(NamedTuple):
    """A name in `a` and its partner in `b`."""

    old: str
    new: str
    renames: tuple[int, ...]
    """Indices of the renames that lead from one name to the other, in order. The rules are the first of
    them. Empty if the names are equal.
    """


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that were found, in order; each applies to the result of the rules before it."""

    rules: tuple[Rule, ...]
    pairs: tuple[Pair, ...]
    open_choices: tuple[tuple[Rule, Rule, int], ...]
    """Two rules that explain equally many names, and how many; neither was applied."""


@dataclass(frozen=True, slots=True)
class _RuleMatches:
    """The pairs that one rule makes."""

    rule: Rule
    pairs: tuple[tuple[str, str], ...]
    resized: tuple[tuple[str, str], ...]
    """Pairs whose shapes differ."""

    @property
    def score(self) -> int:
        # A matching name is weak evidence even if the shapes differ.
        return 2 * len(self.pairs) - len(self.resized)

    @property
    def is_systematic(self) -> bool:
        """Whether it explains several names and, unless it is a prefix, names of several modules."""
        if len(self.pairs) < _MIN_NAMES:
            return False
        if self.rule.at_start and not (self.rule.old and self.rule.new):
            return True
        first = self.pairs[0][0].rpartition(".")[0]
        return any(name.rpartition(".")[0] != first for name, _ in self.pairs)


def find_rules(a: Shapes, b: Shapes) -> Rules:
    """Find the rules that map names in `a` to names in `b`.

    Args:
        a: Unpaired names with shapes.
        b: Unpaired names with shapes.
    """
    origin: dict[str, tuple[str, tuple[int, ...]]] = {name: (name, ()) for name in a}
    left_a, left_b = dict(a), dict(b)
    rules: list[Rule] = []
    pairs: list[Pair] = []
    open_choices: list[tuple[Rule, Rule, int]] = []
    for _ in range(_MAX_RULES):
        found, rival = _best_rule(left_a, left_b)
        if found is None:
            break
        if rival is not None:
            open_choices.append((found.rule, rival.rule, len(found.pairs)))
            for name, _partner in found.pairs:
                del left_a[name]
            continue
        number = len(rules)
        rules.append(found.rule)
        for name, partner in (*found.pairs, *found.resized):
            del left_a[name], left_b[partner]
            original, before = origin[name]
            pairs.append(Pair(original, partner, (*before, number)))
        _rename_unpaired(found.rule, number, left_a, origin)
    used = sorted({number for pair in pairs for number in pair.renames})
    position = {number: index for index, number in enumerate(used)}
    return Rules(
        tuple(rules[number] for number in used),
        tuple(Pair(each.old, each.new, tuple(position[n] for n in each.renames)) for each in pairs),
        tuple(open_choices),
    )


def _rename_unpaired(
    rule: Rule,
    number: int,
    names: dict[str, tuple[int | str, ...]],
    origin: dict[str, tuple[str, tuple[int, ...]]],
) -> None:
    """Apply a rule to names that it left unpaired, because another rule may complete the rename."""
    apply = rule.substitution
    for name in list(names):
        made = apply(name)
        if made is not None and made not in names:
            names[made] = names.pop(name)
            original, before = origin.pop(name)
            origin[made] = (original, (*before, number))


def _best_rule(a: Shapes, b: Shapes) -> tuple[_RuleMatches | None, _RuleMatches | None]:
    """Return the rule that explains most names, and a rival that maps them elsewhere equally well."""
    votes = Counter(rule for pair in _similar_pairs(a, b) for rule in _rules_between(*pair))
    candidates = [rule for rule, _ in votes.most_common(_MAX_CANDIDATES)]
    if not candidates:
        return None, None
    sample = a if len(a) <= _SAMPLE_SIZE else dict(list(a.items())[:: len(a) // _SAMPLE_SIZE])
    scored = [_apply_rule(rule, sample, b) for rule in candidates]
    scored.sort(key=_preference, reverse=True)
    if sample is a:
        best = scored[0]
    else:
        # A sample is unreliable for rules that apply to few names: evaluate the best on all names.
        best = max((_apply_rule(each.rule, a, b) for each in scored[:_MAX_FULL_CHECKS]), key=_preference)
    if best.score <= 0 or not best.is_systematic:
        return None, None
    sampled_best = next(each for each in scored if each.rule == best.rule)
    return best, next((other for other in scored if _conflicts(sampled_best, other)), None)


def _preference(found: _RuleMatches) -> tuple[int, int, bool]:
    """Return the sort key of a rule: more names, then fewer components, then a prefix."""
    length = len(found.rule.old.split(".")) + len(found.rule.new.split("."))
    return found.score, -length, found.rule.at_start


def _apply_rule(rule: Rule, a: Shapes, b: Shapes) -> _RuleMatches:
    """Return the pairs that a rule makes, without names that it would pair twice."""
    matched: list[tuple[str, str]] = []
    if rule.old or rule.at_start:
        apply = rule.substitution
        for name in a:
            partner = apply(name)
            if partner is not None and partner in b:
                matched.append((name, partner))
    else:
        # The place of an insertion is known only from the other side.
        back = rule.inverse.substitution
        for partner in b:
            before = back(partner)
            if before is not None and before in a:
                matched.append((before, partner))
    if len({name for name, _ in matched}) < len(matched) or len(
        {partner for _, partner in matched}
    ) < len(matched):
        old, new = Counter(name for name, _ in matched), Counter(partner for _, partner in matched)
        matched = [(name, partner) for name, partner in matched if old[name] == new[partner] == 1]
    pairs = tuple(each for each in matched if a[each[0]] == b[each[1]])
    resized = tuple(each for each in matched if a[each[0]] != b[each[1]])
    return _RuleMatches(rule, pairs, resized)


def _conflicts(best: _RuleMatches, other: _RuleMatches) -> bool:
    """Return whether another rule explains as many names but maps some of them differently."""
    if not best.pairs or len(other.pairs) < len(best.pairs) or other.pairs == best.pairs:
        return False
    forward, back = dict(best.pairs), {partner: name for name, partner in best.pairs}
    return any(
        forward.get(name, partner) != partner or back.get(partner, name) != name
        for name, partner in other.pairs
    )


def _similar_pairs(a: Shapes, b: Shapes) -> Iterator[tuple[str, str]]:
    """Yield pairs of equal shape and last component, those with equal numbers first."""
    samples = list(_samples(a))
    # Index only what the sample needs: the other side may have very many names.
    wanted = {(_last(name), shape) for name, shape in samples}
    exact: dict[object, list[str]] = {}
    loose: dict[object, list[str]] = {}
    for name, shape in b.items():
        key = (_last(name), shape)
        if key not in wanted:
            continue
        for index, where in ((exact, (key, *_NUMBER.findall(name))), (loose, key)):
            group = index.setdefault(where, [])
            if len(group) < _MAX_PARTNERS:
                group.append(name)
    for name, shape in samples:
        key = (_last(name), shape)
        near = exact.get((key, *_NUMBER.findall(name)), ())
        for partner in dict.fromkeys((*near, *loose.get(key, ()))):
            yield name, partner


def _samples(names: Shapes) -> Iterator[tuple[str, tuple[int | str, ...]]]:
    seen: Counter[str] = Counter()
    known = 0
    for name, shape in names.items():
        template = _NUMBER.sub("#", name)
        seen[template] += 1
        if seen[template] <= _MAX_PER_TEMPLATE:
            yield name, shape
            known += 1
            if known == _MAX_SAMPLES:
                return


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _rules_between(name: str, partner: str) -> Iterator[Rule]:
    """Yield the rules that would map one name to the other, completely or in part."""
    old, new = name.split("."), partner.split(".")
    tail = 0
    while tail < min(len(old), len(new)) and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    # The last component names the role of a tensor (`weight`), not a module.
    if not tail or name == partner:
        return
    yield Rule(".".join(old[: len(old) - tail]), ".".join(new[: len(new) - tail]), at_start=True)
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal" or j == len(old) or m == len(new):
            continue
        yield Rule(".".join(old[i:j]), ".".join(new[k:m]), at_start=False)


def _component_pattern(components: str) -> re.Pattern[str]:
    return re.compile(rf"(^|(?<=\.)){re.escape(components)}\.")
