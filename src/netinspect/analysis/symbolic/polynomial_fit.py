"""Exact polynomial fits of numbers measured at a grid of sizes, checked at further sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

from netinspect.records.polynomial import Polynomial, polynomial
from netinspect.records.symbols import Symbol

HIGHEST_POWER = 2
"""Maximum power of each symbol; a fit needs one more size than this."""

_Matrix = list[list[Fraction]]


def points_of(symbols: Sequence[Symbol]) -> list[dict[str, int]]:
    """Return the sizes to run at, by symbol, in the order that `fit_of` expects."""
    if not symbols:
        return []
    points = [*product(*(each.fitted for each in symbols)), tuple(each.confirmed for each in symbols)]
    return [dict(zip([each.symbol for each in symbols], point, strict=True)) for point in points]


def fit_of(symbols: Sequence[Symbol]) -> Fit:
    """Return the fit for numbers measured at `points_of` the same symbols."""
    last = {each.symbol: each.confirmed for each in symbols}
    return Fit({each.symbol: each.fitted for each in symbols}, (last,))


def format_sizes(sizes: Mapping[str, int]) -> str:
    """Format sizes of symbols for a sentence: `N = 2 and T = 3`."""
    return " and ".join(f"{symbol} = {size}" for symbol, size in sizes.items())


class Fit:
    """Fits integers that were measured at a grid of sizes.

    Args:
        axes: By symbol, the `HIGHEST_POWER` + 1 sizes of the grid.
        others: Further points, as the size of each symbol, that a fit must reproduce.
    """

    def __init__(self, axes: Mapping[str, Sequence[int]], others: Sequence[Mapping[str, int]]) -> None:
        self.symbols = tuple(axes)
        self._others = others
        self._inverses = [_inverse(sizes) for sizes in axes.values()]
        self._powers = list(product(range(HIGHEST_POWER + 1), repeat=len(axes)))
        self._known: dict[tuple[int, ...], Polynomial | None] = {}

    def of(self, values: Sequence[int]) -> Polynomial | None:
        """Return the polynomial with these values; None if there is no such polynomial.

        Args:
            values: Values at the grid, the last symbol varying fastest, then at the other points.
        """
        key = tuple(values)
        if key not in self._known:
            self._known[key] = self._fit(key)
        return self._known[key]

    def _fit(self, values: tuple[int, ...]) -> Polynomial | None:
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


def _inverse(sizes: Sequence[int]) -> _Matrix:
    """Return the matrix from values at these sizes to the coefficients of the polynomial.

    Its columns are the coefficients of the Lagrange polynomials, each 1 at one size and 0 at the others.
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


def _along(values: list[Fraction], axis: int, axes: int, matrix: _Matrix) -> list[Fraction]:
    """Multiply a grid of values by a matrix along one axis."""
    length = len(matrix)
    stride = length ** (axes - 1 - axis)
    products = []
    for index in range(len(values)):
        row = index // stride % length
        start = index - row * stride
        line = (values[start + step * stride] for step in range(length))
        products.append(sum((a * b for a, b in zip(matrix[row], line, strict=True)), Fraction(0)))
    return products
