"""Maximum of many polynomials by range of their symbol, for the memory peak at any size."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from netinspect.records.polynomial import Polynomial

_Coefficients = tuple[int, int, int]
"""Coefficients of the powers 0, 1 and 2 over the common divisor of all polynomials."""


def envelope(
    polynomials: Sequence[Polynomial], first: int = 1
) -> list[tuple[int, int | None, Polynomial]]:
    """Return which polynomial is the largest, for every integer from `first` on.

    Args:
        polynomials: Polynomials of degree 2 or less in the same symbol.
        first: The smallest value of the symbol.

    Returns:
        Ranges in order: the first and last value of each, None as the end of the last range, and the
        polynomial that is the largest there.
    """
    divisor = lcm(*(each.divisor for each in polynomials))
    known = {_coefficients(each, divisor): each for each in polynomials}
    ranges: list[tuple[int, int | None, Polynomial]] = []
    start: int | None = first
    while known and start is not None:
        size = start
        # Among polynomials that are equal here, take the one that is larger from here on.
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
    """Return the smallest integer above `beyond` with a positive value, if none at `beyond`."""
    gain = constant, linear, square
    if square > 0 or (not square and linear > 0):
        # It grows without bound and stays positive after crossing 0.
        high = 2 * beyond + 1
        while _at(gain, high) <= 0:
            high *= 2
    elif square < 0:
        # It is positive at most around its maximum, and increases up to there.
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
