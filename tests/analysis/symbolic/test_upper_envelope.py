"""Tests of the upper envelope of polynomials against the maximum of their values."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netinspect.analysis.symbolic.upper_envelope import envelope
from netinspect.records.polynomial import Polynomial, polynomial

coefficients = st.tuples(
    st.integers(-2000, 2000),
    st.fractions(-60, 60, max_denominator=6),
    st.fractions(-2, 2, max_denominator=3),
)


def of(constant: Fraction | int, linear: Fraction | int, square: Fraction | int = 0) -> Polynomial:
    return polynomial(("N",), {(0,): constant, (1,): linear, (2,): square})


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(coefficients, min_size=1, max_size=8), st.integers(1, 9))
def test_envelope_is_the_largest_at_each_size(parts: list[tuple[Fraction, ...]], first: int) -> None:
    lines = [of(*each) for each in parts]
    ranges = envelope(lines, first)
    assert ranges[0][0] == first
    assert ranges[-1][1] is None
    for (_, end, one), (start, _, two) in pairwise(ranges):
        assert end == start - 1
        assert one != two
    for start, end, largest in ranges:
        for size in (
            (start, start + 7, start + 10_000) if end is None else (start, (start + end) // 2, end)
        ):
            assert largest.at({"N": size}) == max(each.at({"N": size}) for each in lines)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(coefficients, min_size=1, max_size=8))
def test_envelope_covers_every_size(parts: list[tuple[Fraction, ...]]) -> None:
    lines = [of(*each) for each in parts]
    ranges = envelope(lines)
    for size in range(1, 120):
        (largest,) = [each for start, end, each in ranges if start <= size and (end or size) >= size]
        assert largest.at({"N": size}) == max(each.at({"N": size}) for each in lines)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([of(5, 0)], [(1, None)]),
        ([of(10, 1), of(0, 3)], [(1, 5), (6, None)]),
        ([of(0, 3), of(10, 1), of(10, 1)], [(1, 5), (6, None)]),
        ([of(0, 0, 1), of(0, 100)], [(1, 100), (101, None)]),
        ([of(-90, 21, -1), of(0, 0)], [(1, 6), (7, 15), (16, None)]),
        ([of(0, 1, 1), of(2, 0)], [(1, None)]),
    ],
)
def test_envelope_ranges_match_hand_calculation(
    lines: list[Polynomial], expected: list[tuple[int, int | None]]
) -> None:
    assert [(start, end) for start, end, _ in envelope(lines)] == expected
