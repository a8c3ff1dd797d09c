"""Guessed pairs of modules with equal sizes: by shared words, then by order; used by `structure`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_MAX_NAMES = 40
"""Maximum number of names to compare with each other; larger groups are not guessed."""


def guess_pairs(ones: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices into `ones` and `others`, which must have equal lengths.

    Args:
        ones: Names in `a`.
        others: Names in `b`.
    """
    if len(ones) > _MAX_NAMES:
        return
    words = [set(_WORD.findall(name)) for name in ones], [set(_WORD.findall(name)) for name in others]
    rest, left = dict.fromkeys(range(len(ones))), dict.fromkeys(range(len(others)))
    for one, other in _best_mutual_matches(*words):
        del rest[one], left[other]
        yield one, other
    # If only one of them is in alphabetical order, the order carries no information.
    if (list(ones) == sorted(ones)) == (list(others) == sorted(others)) or len(rest) == 1:
        yield from zip(rest, left, strict=True)


def _best_mutual_matches(ones: Sequence[set[str]], others: Sequence[set[str]]) -> list[tuple[int, int]]:
    """Return pairs of indices that share more words with each other than with any other name.

    Words that all names on one side share are ignored.
    """
    distinctive = _distinctive_words(ones) | _distinctive_words(others)
    share = [[len(x & y & distinctive) for y in others] for x in ones]
    found = []
    for one, row in enumerate(share):
        best = max(row)
        other = row.index(best)
        column = [each[other] for each in share]
        if best and row.count(best) == 1 and max(column) == best and column.count(best) == 1:
            found.append((one, other))
    return found


def _distinctive_words(names: Sequence[set[str]]) -> set[str]:
    counts = Counter(word for words in names for word in words)
    return {word for word, count in counts.items() if count < len(names)}
