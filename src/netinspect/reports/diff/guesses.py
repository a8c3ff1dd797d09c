"""Guesses which of several alike things is which: by words that names share, then by their order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_MOST = 40
"""Names that are held against each other; more are not guessed at."""


def guess(ones: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pair the places of names of two sides, as many on both; what has nothing for it is left out.

    Args:
        ones: Names of one side.
        others: Names of the other.
    """
    if len(ones) > _MOST:
        return
    words = [set(_WORD.findall(name)) for name in ones], [set(_WORD.findall(name)) for name in others]
    rest, left = dict.fromkeys(range(len(ones))), dict.fromkeys(range(len(others)))
    for one, other in _alike(*words):
        del rest[one], left[other]
        yield one, other
    # One side in the order of the alphabet and the other not: then the order says nothing.
    if (list(ones) == sorted(ones)) == (list(others) == sorted(others)) or len(rest) == 1:
        yield from zip(rest, left, strict=True)


def _alike(ones: Sequence[set[str]], others: Sequence[set[str]]) -> list[tuple[int, int]]:
    """Places whose words have more in common with each other than with any others.

    A word that all names of a side have tells none from another.
    """
    tell = _telling(ones) | _telling(others)
    share = [[len(x & y & tell) for y in others] for x in ones]
    found = []
    for one, row in enumerate(share):
        best = max(row)
        other = row.index(best)
        column = [each[other] for each in share]
        if best and row.count(best) == 1 and max(column) == best and column.count(best) == 1:
            found.append((one, other))
    return found


def _telling(names: Sequence[set[str]]) -> set[str]:
    counts = Counter(word for words in names for word in words)
    return {word for word, count in counts.items() if count < len(names)}
