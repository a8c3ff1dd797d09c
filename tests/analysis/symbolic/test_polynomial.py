"""Tests of fitting, formatting, parsing and adding polynomials."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netinspect._utils import units
from netinspect.analysis.symbolic.polynomial_fit import Fit
from netinspect.records.polynomial import Polynomial, add, multiply, polynomial, read_size
from netinspect.records.symbols import Symbol

COEFFICIENTS = st.tuples(*[st.integers(-50, 50)] * 9)
N = Symbol(name="batch", symbol="N", size=4, dimensions=("x:0",), fitted=(3, 7, 11), confirmed=18)
T = Symbol(name="seq", symbol="T", size=4, dimensions=("x:1",), fitted=(5, 13, 17), confirmed=6)
POWERS = list(product(range(3), repeat=2))


def grown(coefficients: tuple[int, ...], divisor: int = 1) -> Polynomial:
    """Return a polynomial in N and T with the given coefficients."""
    fractions = [Fraction(each, divisor) for each in coefficients]
    return polynomial(("N", "T"), dict(zip(POWERS, fractions, strict=True)))


@given(COEFFICIENTS)
def test_fit_finds_polynomials(coefficients: tuple[int, ...]) -> None:
    wanted = grown(coefficients)
    points = [{"N": n, "T": t} for n, t in product(N.fitted, T.fitted)]
    values = [int(wanted.at(point)) for point in (*points, {"N": 18, "T": 6})]
    assert Fit((N, T)).of(values) == wanted


@pytest.mark.parametrize(
    "rule",
    [
        lambda n: n // 2,
        lambda n: (n + 1) // 2,
        lambda n: n // 3,
        lambda n: n // 4,
        lambda n: n // 8,
        lambda n: n**3,
        lambda n: 2**n,
        lambda n: min(n, 10),
        lambda n: n.bit_count(),
    ],
)
def test_fit_rejects_other_functions(rule: object) -> None:
    assert callable(rule)
    assert Fit((N,)).of([*map(rule, N.fitted), rule(18)]) is None


@given(COEFFICIENTS, st.integers(1, 6))
def test_polynomial_text_round_trips(coefficients: tuple[int, ...], divisor: int) -> None:
    one = grown(coefficients, divisor)
    assert read_size(one.text(), ("N", "T")) == one


@given(COEFFICIENTS, COEFFICIENTS, st.integers(0, 9), st.integers(0, 9))
def test_polynomial_arithmetic_matches_values(
    one: tuple[int, ...], other: tuple[int, ...], n: int, t: int
) -> None:
    point = {"N": n, "T": t}
    left, right = grown(one, 2), grown(other, 3)
    total = add((left, right))
    assert total is not None
    assert total.at(point) == left.at(point) + right.at(point)
    assert multiply(left, right).at(point) == left.at(point) * right.at(point)


def test_polynomial_sum_of_nothing_and_of_unknowns() -> None:
    assert add(()) == Polynomial(symbols=(), terms=())
    assert add((grown((1,) * 9), None)) is None


@pytest.mark.parametrize(
    ("coefficients", "text"),
    [
        ({}, "0"),
        ({(0,): 5}, "5"),
        ({(1,): 1}, "N"),
        ({(1,): 4}, "4*N"),
        ({(1,): 1, (0,): 1}, "N + 1"),
        ({(1,): -1, (0,): 7}, "-N + 7"),
        ({(2,): 1}, "N^2"),
        ({(1,): Fraction(1, 2)}, "N/2"),
        ({(2,): Fraction(1, 2), (1,): Fraction(-1, 2)}, "(N^2 - N)/2"),
    ],
)
def test_polynomial_text(coefficients: dict[tuple[int, ...], int], text: str) -> None:
    assert polynomial(("N",), coefficients).text() == text


def test_polynomial_text_in_units() -> None:
    one = polynomial(("N", "T"), {(1, 1): 281_640, (0, 0): 2048, (1, 0): 1})
    assert one.text(units.short) == "281.6 k*N*T + N + 2.048 k"
    assert one.text(units.size) == "275.0 KiB*N*T + 1 B*N + 2.0 KiB"
    assert one.text(units.count) == "281,640*N*T + N + 2,048"
