"""Polynomials through what was measured at some sizes, checked against what was at others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

from netinspect.records.polynomial import Polynomial, polynomial
from netinspect.records.symbols import Symbol

HIGHEST_POWER = 2
"""Of each symbol; so many runs and one more are needed to fit."""

_Line = list[list[Fraction]]


def points_of(symbols: Sequence[Symbol]) -> list[dict[str, int]]:
    """Return the sizes to run at, by symbol, in the order in which `fit_of` takes what was measured."""
    if not symbols:
        return []
    points = [*product(*(each.fitted for each in symbols)), tuple(each.confirmed for each in symbols)]
    return [dict(zip([each.symbol for each in symbols], point, strict=True)) for point in points]


def fit_of(symbols: Sequence[Symbol]) -> Fit:
    """Return what fits numbers that were measured at `points_of` the same symbols."""
    last = {each.symbol: each.confirmed for each in symbols}
    return Fit({each.symbol: each.fitted for each in symbols}, (last,))


def format_sizes(sizes: Mapping[str, int]) -> str:
    """Format sizes of symbols for a sentence: `N = 2 and T = 3`."""
    return " and ".join(f"{symbol} = {size}" for symbol, size in sizes.items())


class Fit:
    """Fits whole numbers that were measured at a grid of sizes.

    Args:
        axes: The sizes of each symbol, `HIGHEST_POWER` + 1 of them, by the symbol.
        others: Further points, as the size of each symbol: what is fitted has to hold there too.
    """

    def __init__(self, axes: Mapping[str, Sequence[int]], others: Sequence[Mapping[str, int]]) -> None:
        self.symbols = tuple(axes)
        self._others = others
        self._inverses = [_inverse(sizes) for sizes in axes.values()]
        self._powers = list(product(range(HIGHEST_POWER + 1), repeat=len(axes)))
        self._known: dict[tuple[int, ...], Polynomial | None] = {}

    def of(self, values: Sequence[int]) -> Polynomial | None:
        """Return the polynomial that some values are of, or None if there is none.

        Args:
            values: First those at the grid, the last symbol running fastest; then at the others.
        """
        key = tuple(values)
        if key not in self._known:
            self._known[key] = self._fitted(key)
        return self._known[key]

    def _fitted(self, values: tuple[int, ...]) -> Polynomial | None:
        if len(set(values)) == 1:
            return polynomial(self.symbols, {(0,) * len(self.symbols): values[0]})
        count = len(self._powers)
        coefficients = [Fraction(value) for value in values[:count]]
        for axis, inverse in enumerate(self._inverses):
            coefficients = _along(coefficients, axis, len(self.symbols), inverse)
        found = polynomial(self.symbols, dict(zip(self._powers, coefficients, strict=True)))
        holds = all(
            found.at(point) == value for point, value in zip(self._others, values[count:], strict=True)
        )
        return found if holds else None


def _inverse(sizes: Sequence[int]) -> _Line:
    """The matrix that makes the coefficients of a polynomial of its values at these sizes.

    Its columns are the coefficients of Lagrange's polynomials, each 1 at one size and 0 at the others.
    """
    columns = []
    for at in sizes:
        coefficients = [Fraction(1)]
        for other in sizes:
            if other == at:
                continue
            # Times (x - other) / (at - other).
            raised = [Fraction(0), *coefficients]
            for power, each in enumerate(coefficients):
                raised[power] -= other * each
            coefficients = [each / (at - other) for each in raised]
        columns.append(coefficients)
    return [list(row) for row in zip(*columns, strict=True)]


def _along(values: list[Fraction], axis: int, axes: int, matrix: _Line) -> list[Fraction]:
    """Multiply a matrix to a grid of values along one axis."""
    length = len(matrix)
    stride = length ** (axes - 1 - axis)
    made = []
    for index in range(len(values)):
        row = index // stride % length
        start = index - row * stride
        line = (values[start + step * stride] for step in range(length))
        made.append(sum((a * b for a, b in zip(matrix[row], line, strict=True)), Fraction(0)))
    return made
