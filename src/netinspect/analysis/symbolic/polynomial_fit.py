"""Exact polynomial fits of numbers measured at a grid of sizes, checked at one more point."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

from netinspect.analysis.symbolic.size_grid import HIGHEST_POWER, point_at, points_of
from netinspect.records.polynomial import Polynomial, polynomial
from netinspect.records.symbols import Symbol

_Matrix = list[list[Fraction]]


class Fit:
    """Fits integers that were measured at `points_of` symbols.

    Args:
        symbols: The symbols, each with `HIGHEST_POWER` + 1 fitted sizes.
    """

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self.here = point_at(symbols, [each.size for each in symbols])
        """Sizes of the original run."""

        self.has_size_one = 1 in self.here.symbols.values()
        """Whether the original run may need fewer copies than others, as torch does at a size of 1."""

        self._symbols = tuple(self.here.symbols)
        self._confirmed = points_of(symbols)[-1]
        self._inverses = [_inverse(each.fitted) for each in symbols]
        self._powers = list(product(range(HIGHEST_POWER + 1), repeat=len(symbols)))
        self._known: dict[tuple[int, ...], Polynomial | None] = {}

    def of(self, values: Sequence[int]) -> Polynomial | None:
        """Return the polynomial with these values; None if there is no such polynomial.

        Args:
            values: Values at `points_of` the symbols.
        """
        key = tuple(values)
        if key not in self._known:
            self._known[key] = self._fit(key)
        return self._known[key]

    def holds_here(self, found: Polynomial | None, value: int) -> bool:
        """Return whether a polynomial has this value at the sizes of the original run."""
        return found is not None and found.at(self.here.symbols) == value

    def _fit(self, values: tuple[int, ...]) -> Polynomial | None:
        if len(set(values)) == 1:
            return polynomial(self._symbols, {(0,) * len(self._symbols): values[0]})
        *coefficients, last = map(Fraction, values)
        for axis, inverse in enumerate(self._inverses):
            coefficients = _along(coefficients, axis, len(self._symbols), inverse)
        found = polynomial(self._symbols, dict(zip(self._powers, coefficients, strict=True)))
        return found if found.at(self._confirmed.symbols) == last else None


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
