"""Polynomials in the symbols of a trace, such as `281640*N`: exact, plain data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import lcm
from typing import TYPE_CHECKING

from netinspect.records.base import record

if TYPE_CHECKING:
    from fractions import Fraction

# `fractions` is imported where it is used: it imports `decimal`, and most traces have no symbols.

Powers = tuple[int, ...]


@record
class Term:
    """One product of a polynomial."""

    coefficient: int
    powers: tuple[int, ...]
    """The power of each symbol, in the order of the symbols."""


@record
class Polynomial:
    """A sum of products of symbols, divided by a whole number; zero has no terms."""

    symbols: tuple[str, ...]
    terms: tuple[Term, ...]
    """Terms in descending order of powers; no coefficient is 0."""

    divisor: int = 1

    @property
    def is_constant(self) -> bool:
        """True if the value is the same for all sizes."""
        return not any(any(term.powers) for term in self.terms)

    def at(self, sizes: Mapping[str, int]) -> Fraction:
        """Return the value for these sizes of the symbols."""
        from fractions import Fraction

        total = 0
        for term in self.terms:
            product = term.coefficient
            for symbol, power in zip(self.symbols, term.powers, strict=True):
                product *= sizes[symbol] ** power
            total += product
        return Fraction(total, self.divisor)

    def text(self, formatter: Callable[[int], str] = str) -> str:
        """Format the polynomial: `4*N`, `N + 1`, `(T^2 + T)/2`.

        Args:
            formatter: Function that formats a coefficient.
        """
        text = ""
        for term in self.terms:
            size = abs(term.coefficient)
            factors = [
                symbol if power == 1 else f"{symbol}^{power}"
                for symbol, power in zip(self.symbols, term.powers, strict=True)
                if power
            ]
            if not factors or formatter(size) != "1":
                factors.insert(0, formatter(size))
            sign = "-" if term.coefficient < 0 else "+"
            text += f" {sign} " if text else "-" * (sign == "-")
            text += "*".join(factors)
        if self.divisor == 1:
            return text or formatter(0)
        return f"({text})/{self.divisor}" if len(self.terms) > 1 else f"{text}/{self.divisor}"


def polynomial(symbols: tuple[str, ...], coefficients: Mapping[Powers, Fraction | int]) -> Polynomial:
    """Return the polynomial with these coefficients, given by the powers of the symbols."""
    divisor = lcm(*(each.denominator for each in coefficients.values()))
    ordered = sorted(coefficients, key=lambda powers: (sum(powers), powers), reverse=True)
    return Polynomial(
        symbols=symbols,
        terms=tuple(
            Term(coefficient=int(coefficients[powers] * divisor), powers=powers)
            for powers in ordered
            if coefficients[powers]
        ),
        divisor=divisor,
    )


def add(polynomials: Iterable[Polynomial | None]) -> Polynomial | None:
    """Return the sum of polynomials in the same symbols; None if one of them is None."""
    from fractions import Fraction

    symbols: tuple[str, ...] = ()
    total: dict[Powers, Fraction] = {}
    for each in polynomials:
        if each is None:
            return None
        symbols = symbols or each.symbols
        for term in each.terms:
            share = Fraction(term.coefficient, each.divisor)
            total[term.powers] = total.get(term.powers, Fraction(0)) + share
    return polynomial(symbols, total)


def multiply(one: Polynomial, other: Polynomial) -> Polynomial:
    """Return the product of two polynomials in the same symbols."""
    from fractions import Fraction

    product: dict[Powers, Fraction] = {}
    divisor = one.divisor * other.divisor
    for left in one.terms:
        for right in other.terms:
            powers = tuple(a + b for a, b in zip(left.powers, right.powers, strict=True))
            share = Fraction(left.coefficient * right.coefficient, divisor)
            product[powers] = product.get(powers, Fraction(0)) + share
    return polynomial(one.symbols, product)


_SUM = re.compile(r"\((?P<sum>.*)\)/(?P<divisor>[0-9]+)|(?P<term>[^/]*)/(?P<over>[0-9]+)")


def read_size(text: str, symbols: tuple[str, ...]) -> Polynomial:
    """Parse the output of `Polynomial.text`, such as a size in a shape.

    Raises:
        ValueError: The text is not a polynomial in these symbols.
    """
    from fractions import Fraction

    divisor = 1
    if match := _SUM.fullmatch(text):
        text = match["sum"] or match["term"]
        divisor = int(match["divisor"] or match["over"])
        if not divisor:
            raise ValueError(f"divided by 0: {text}")
    coefficients: dict[Powers, Fraction | int] = {}
    for part in text.replace(" - ", " + -").split(" + "):
        coefficient, powers = (-1 if part.startswith("-") else 1), [0] * len(symbols)
        for factor in part.removeprefix("-").split("*"):
            symbol, _, power = factor.partition("^")
            if symbol in symbols:
                powers[symbols.index(symbol)] += int(power or 1)
            else:
                coefficient *= int(factor)
        coefficients[tuple(powers)] = Fraction(coefficient, divisor)
    return polynomial(symbols, coefficients)
