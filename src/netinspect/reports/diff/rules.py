"""Systematic changes of names: one substitution that explains many.

Two names that differ in one stretch of their path suggest a rule: a prefix put in front (`module.`), a
component that is called otherwise (`layers` for `blocks`), one that came between (`base_layer`). A rule
is taken only if it leads several names to names of the other side, with equal sizes, and if no other
rule would lead the same names elsewhere just as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

Sizes = Mapping[str, tuple[int | str, ...]]
"""Names with their shapes."""

_FEWEST = 2
"""Names that a rule must explain: one alone is no system."""

_SAMPLES = 300
"""Names that are asked for rules; of those that differ in numbers only, a few are."""

_OF_ONE_TEMPLATE = 2
_CANDIDATES = 8
"""Names of the other side that one name is held against."""

_TRIED = 16
"""Rules that are tried on names, those that most pairs suggest."""

_TRIAL = 2000
"""Names that they are tried on, before the best are held against all."""

_HELD_AGAINST_ALL = 2
_MOST_RULES = 40
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One substitution of components."""

    old: str
    """Components with dots between; empty where something is put in."""

    new: str
    front: bool
    """Whether it stands at the beginning of names; else, wherever the components stand."""

    @property
    def applies(self) -> Callable[[str], str | None]:
        """Return what it makes of a name of `a`; None where it has nothing to say."""
        if self.front:
            start, new = f"{self.old}." if self.old else "", f"{self.new}." if self.new else ""

            def at_the_front(name: str) -> str | None:
                return new + name[len(start) :] if name.startswith(start) else None

            return at_the_front
        if not self.old:
            return lambda name: None  # where it came in is seen from the other end only
        pattern, new = _between(self.old), self.new

        def anywhere(name: str) -> str | None:
            if self.old not in name:
                return None
            made = pattern.sub(lambda match: match[1] + (f"{new}." if new else ""), name)
            return made if made != name else None

        return anywhere

    @property
    def inverse(self) -> Rule:
        """Return the rule that leads back."""
        return Rule(self.new, self.old, self.front)


class Pair(NamedTuple):
    """A name of `a` and its partner in `b`."""

    old: str
    new: str
    rules: tuple[int, ...]
    """Which of the rules lead from one to the other, in this order."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What rules were found, in order: each is for names as those before have made them."""

    rules: tuple[Rule, ...]
    pairs: tuple[Pair, ...]
    open_choices: tuple[tuple[Rule, Rule, int], ...]
    """Two rules that explain equally many names, and how many: neither was taken."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The pairs that one rule makes."""

    rule: Rule
    pairs: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]
    """Those whose sizes differ."""

    @property
    def score(self) -> int:
        # That a name leads to a name is something, even where the sizes differ.
        return 2 * len(self.pairs) - len(self.others)

    @property
    def is_systematic(self) -> bool:
        """Whether it explains several names, of several modules unless it is a plain prefix."""
        if len(self.pairs) < _FEWEST:
            return False
        if self.rule.front and not (self.rule.old and self.rule.new):
            return True
        first = self.pairs[0][0].rpartition(".")[0]
        return any(name.rpartition(".")[0] != first for name, _ in self.pairs)


def find_rules(a: Sizes, b: Sizes) -> Rules:
    """Find the rules that lead names of `a` to names of `b`.

    Args:
        a: Names without a partner.
        b: Names without a partner.
    """
    origin: dict[str, tuple[str, tuple[int, ...]]] = {name: (name, ()) for name in a}
    left_a, left_b = dict(a), dict(b)
    rules: list[Rule] = []
    pairs: list[Pair] = []
    open_choices: list[tuple[Rule, Rule, int]] = []
    for _ in range(_MOST_RULES):
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
        for name, partner in (*found.pairs, *found.others):
            del left_a[name], left_b[partner]
            original, before = origin[name]
            pairs.append(Pair(original, partner, (*before, number)))
        _rename_rest(found.rule, number, left_a, origin)
    used = sorted({number for pair in pairs for number in pair.rules})
    place = {number: index for index, number in enumerate(used)}
    return Rules(
        tuple(rules[number] for number in used),
        tuple(Pair(each.old, each.new, tuple(place[n] for n in each.rules)) for each in pairs),
        tuple(open_choices),
    )


def _rename_rest(
    rule: Rule,
    number: int,
    names: dict[str, tuple[int | str, ...]],
    origin: dict[str, tuple[str, tuple[int, ...]]],
) -> None:
    """Apply a rule to the names that it did not lead to a partner: another rule may do the rest."""
    apply = rule.applies
    for name in list(names):
        made = apply(name)
        if made is not None and made not in names:
            names[made] = names.pop(name)
            original, before = origin.pop(name)
            origin[made] = (original, (*before, number))


def _best_rule(a: Sizes, b: Sizes) -> tuple[_Found | None, _Found | None]:
    """Return the rule that explains most names, and one that would lead them elsewhere as well."""
    votes = Counter(rule for pair in _suggestive_pairs(a, b) for rule in _rules_of(*pair))
    tried = [rule for rule, _ in votes.most_common(_TRIED)]
    if not tried:
        return None, None
    few = a if len(a) <= _TRIAL else dict(list(a.items())[:: len(a) // _TRIAL])
    trials = [_explain(rule, few, b) for rule in tried]
    trials.sort(key=_worth, reverse=True)
    if few is a:
        best = trials[0]
    else:
        # A rule for a few names may look good or bad in a sample: the best are held against all.
        best = max((_explain(each.rule, a, b) for each in trials[:_HELD_AGAINST_ALL]), key=_worth)
    if best.score <= 0 or not best.is_systematic:
        return None, None
    tried_best = next(each for each in trials if each.rule == best.rule)
    return best, next((other for other in trials if _contradict(tried_best, other)), None)


def _worth(found: _Found) -> tuple[int, int, bool]:
    """The more names the better; then the shorter; a prefix is one, though it may be seen as more."""
    length = len(found.rule.old.split(".")) + len(found.rule.new.split("."))
    return found.score, -length, found.rule.front


def _explain(rule: Rule, a: Sizes, b: Sizes) -> _Found:
    """Return the pairs that a rule makes; names that it would pair twice are left out."""
    led: list[tuple[str, str]] = []
    if rule.old or rule.front:
        apply = rule.applies
        for name in a:
            partner = apply(name)
            if partner is not None and partner in b:
                led.append((name, partner))
    else:
        # Where something came in is seen from the other end only.
        back = rule.inverse.applies
        for partner in b:
            before = back(partner)
            if before is not None and before in a:
                led.append((before, partner))
    if len({name for name, _ in led}) < len(led) or len({partner for _, partner in led}) < len(led):
        old, new = Counter(name for name, _ in led), Counter(partner for _, partner in led)
        led = [(name, partner) for name, partner in led if old[name] == new[partner] == 1]
    pairs = tuple(each for each in led if a[each[0]] == b[each[1]])
    others = tuple(each for each in led if a[each[0]] != b[each[1]])
    return _Found(rule, pairs, others)


def _contradict(best: _Found, other: _Found) -> bool:
    """Whether another rule explains as many of the same names, and leads them elsewhere."""
    if not best.pairs or len(other.pairs) < len(best.pairs) or other.pairs == best.pairs:
        return False
    forward, back = dict(best.pairs), {partner: name for name, partner in best.pairs}
    return any(
        forward.get(name, partner) != partner or back.get(partner, name) != name
        for name, partner in other.pairs
    )


def _suggestive_pairs(a: Sizes, b: Sizes) -> Iterator[tuple[str, str]]:
    """Pair some names of equal size and last component, those with the same numbers first."""
    samples = list(_samples(a))
    # Only what a sample asks for is indexed: the other side may have very many names.
    wanted = {(_last(name), shape) for name, shape in samples}
    exact: dict[object, list[str]] = {}
    loose: dict[object, list[str]] = {}
    for name, shape in b.items():
        key = (_last(name), shape)
        if key not in wanted:
            continue
        for index, where in ((exact, (key, *_NUMBER.findall(name))), (loose, key)):
            group = index.setdefault(where, [])
            if len(group) < _CANDIDATES:
                group.append(name)
    for name, shape in samples:
        key = (_last(name), shape)
        near = exact.get((key, *_NUMBER.findall(name)), ())
        for partner in dict.fromkeys((*near, *loose.get(key, ()))):
            yield name, partner


def _samples(names: Sizes) -> Iterator[tuple[str, tuple[int | str, ...]]]:
    seen: Counter[str] = Counter()
    known = 0
    for name, shape in names.items():
        template = _NUMBER.sub("#", name)
        seen[template] += 1
        if seen[template] <= _OF_ONE_TEMPLATE:
            yield name, shape
            known += 1
            if known == _SAMPLES:
                return


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _rules_of(name: str, partner: str) -> Iterator[Rule]:
    """The rules that would lead one name to the other, or a step towards it."""
    old, new = name.split("."), partner.split(".")
    tail = 0
    while tail < min(len(old), len(new)) and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    # The last component says what a tensor is; it is no part of a path.
    if not tail or name == partner:
        return
    yield Rule(".".join(old[: len(old) - tail]), ".".join(new[: len(new) - tail]), front=True)
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal" or j == len(old) or m == len(new):
            continue
        yield Rule(".".join(old[i:j]), ".".join(new[k:m]), front=False)


def _between(components: str) -> re.Pattern[str]:
    return re.compile(rf"(^|(?<=\.)){re.escape(components)}\.")
