"""The largest of many polynomials in one symbol: which of them it is, from which size to which."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from netinspect.records.polynomial import Polynomial

_Coefficients = tuple[int, int, int]
"""Of the powers 0, 1 and 2, over a divisor that all the polynomials have in common."""


def envelope(
    polynomials: Sequence[Polynomial], first: int = 1
) -> list[tuple[int, int | None, Polynomial]]:
    """Describe where which polynomial is the largest, for every whole number from `first` on.

    Args:
        polynomials: Of degree 2 or less, in one and the same symbol.
        first: The least number that the symbol stands for.

    Returns:
        Ranges in order: the first and the last number of each, None for the last range's end, and the
        polynomial that is the largest from the one to the other.
    """
    divisor = lcm(*(each.divisor for each in polynomials))
    known = {_coefficients(each, divisor): each for each in polynomials}
    ranges: list[tuple[int, int | None, Polynomial]] = []
    start: int | None = first
    while known and start is not None:
        size = start
        # Of several that are equal here, the one that is ahead from here on.
        best = max(known, key=lambda each: (_at(each, size), _at(each, size + 1), each[2]))
        gains = [tuple(a - b for a, b in zip(each, best, strict=True)) for each in known]
        crossings = [_becomes_positive(*gain, beyond=size) for gain in gains]
        start = min((each for each in crossings if each is not None), default=None)
        ranges.append((size, None if start is None else start - 1, known[best]))
    return ranges


def _coefficients(each: Polynomial, divisor: int) -> _Coefficients:
    found = [0, 0, 0]
    for term in each.terms:
        found[term.powers[0]] += term.coefficient * (divisor // each.divisor)
    return found[0], found[1], found[2]


def _at(each: _Coefficients, size: int) -> int:
    return each[0] + each[1] * size + each[2] * size * size


def _becomes_positive(constant: int, linear: int, square: int, *, beyond: int) -> int | None:
    """The least whole number beyond one at which a polynomial is above 0, as it is not at that one."""
    gain = constant, linear, square
    if square > 0 or (not square and linear > 0):
        # It rises without end, and having crossed 0 stays above it.
        high = 2 * beyond + 1
        while _at(gain, high) <= 0:
            high *= 2
    elif square < 0:
        # It is above 0 around its top, if at all, and rises up to there.
        top = linear // (-2 * square)
        high = top if _at(gain, top) >= _at(gain, top + 1) else top + 1
        if high <= beyond or _at(gain, high) <= 0:
            return None
    else:
        return None
    low = beyond
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _at(gain, middle) > 0 else (middle, high)
    return high
