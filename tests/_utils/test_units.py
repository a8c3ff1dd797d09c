from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netinspect._utils import units

FACTORS = {"B": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4, "PiB": 5, "EiB": 6}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1,000"), (44426, "44,426"), (10**12, "1,000,000,000,000")],
)
def test_count_is_exact(number: int, text: str) -> None:
    assert units.count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.000 k"),
        (44_426, "44.43 k"),
        (416_520, "416.5 k"),
        # Rounded before a unit is chosen: never `1000.0`.
        (999_949, "999.9 k"),
        (999_950, "1.000 M"),
        (4_089_184_256, "4.089 G"),
        (51_700_000_000_000, "51.70 T"),
        (10**22, "10000 E"),
    ],
)
def test_short_examples(number: int, text: str) -> None:
    assert units.short(number) == text


@given(st.integers(0, 10**18))
def test_short_is_precise_to_its_digits(number: int) -> None:
    digits, _, prefix = units.short(number).partition(" ")
    scale = 1000 ** " kMGTPE".index(prefix or " ")
    assert abs(float(digits) * scale - number) <= number * 0.0005 + 1e-9
    assert len(digits.replace(".", "")) <= 4


@given(st.integers())
def test_count_can_be_parsed(number: int) -> None:
    assert int(units.count(number).replace(",", "")) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (177704, "173.5 KiB"),
        (1024 * 999, "999.0 KiB"),
        # Rounded before a unit is chosen: never `1000.0` nor `1024`.
        (1024 * 1000 - 1, "1000 KiB"),
        (1024 * 1000, "1000 KiB"),
        (1024 * 1023, "1023 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**2, "1.0 MiB"),
        (46_743_144, "44.6 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (80 * 1024**3, "80.0 GiB"),
        (1024**4, "1.0 TiB"),
        (1024**5, "1.0 PiB"),
        (1024**6, "1.0 EiB"),
        (5000 * 1024**6, "5000 EiB"),
        (3 * 1024**206, f"{3 * 1024**200} EiB"),
    ],
)
def test_size_has_at_most_four_digits(number: int, text: str) -> None:
    assert units.size(number) == text


@given(st.integers(0, 1000 * 1024**6))
@example(1024**2 - 1)
@example(1023 * 1024 + 1023)
def test_size_is_precise_to_its_digits(number: int) -> None:
    text = units.size(number)
    match = re.fullmatch(r"(\d{1,4}(?:\.\d)?) (\w+)", text)
    assert match, text
    displayed, unit = float(match[1]), match[2]
    assert displayed < 1024
    assert len(match[1].replace(".", "")) <= 4
    step = 0 if unit == "B" else 0.05 if "." in match[1] else 0.5
    assert abs(number / 1024 ** FACTORS[unit] - displayed) <= step + 1e-9


@given(st.integers(0, 2**70), st.integers(0, 2**70))
def test_size_is_monotonic(one: int, other: int) -> None:
    def value(text: str) -> float:
        digits, unit = text.split()
        return float(digits) * 1024.0 ** FACTORS[unit]

    low, high = sorted((one, other))
    assert value(units.size(low)) <= value(units.size(high))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0 %"),
        (1e-12, "<0.1 %"),
        (0.0004999, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.001, "0.1 %"),
        (0.692, "69.2 %"),
        (0.69249, "69.2 %"),
        (1.0, "100.0 %"),
    ],
)
def test_percent_examples(share: float, text: str) -> None:
    assert units.percent(share) == text


@given(st.floats(min_value=0, max_value=1, exclude_min=True))
def test_percent_of_nonzero_is_not_zero(share: float) -> None:
    assert units.percent(share) != "0.0 %"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (1.0, "1"),
        (0.123456, "0.1235"),
        (-1234.56, "-1235"),
        (123456.0, "1.235e+05"),
        (1e-9, "1e-09"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_decimal_examples(number: float | None, text: str) -> None:
    assert units.decimal(number) == text


@given(st.floats(-1e308, 1e308))
def test_decimal_is_precise_to_four_digits(number: float) -> None:
    assert math.isclose(float(units.decimal(number)), number, rel_tol=5.001e-4, abs_tol=1e-320)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 layers"), (1, "1 layer"), (2, "2 layers"), (1000, "1,000 layers")],
)
def test_plural_examples(number: int, text: str) -> None:
    assert units.plural(number, "layer") == text


def test_plural_with_irregular_noun() -> None:
    assert units.plural(1, "entry", "entries") == "1 entry"
    assert units.plural(3, "entry", "entries") == "3 entries"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5.0, "0 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h"),
        (172_799.0, "47 h"),
        (172_800.0, "2 days"),
    ],
)
def test_age_uses_largest_unit(seconds: float, text: str) -> None:
    assert units.age(seconds) == text
