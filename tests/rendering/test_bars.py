"""Tests of bars in text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netinspect.rendering.bars import bar, bars, sparkline

_LEVELS = "▁▂▃▄▅▆▇█"


@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_sparkline_keeps_the_order(numbers: list[int]) -> None:
    drawn = sparkline(numbers, min(numbers), max(numbers))
    assert len(drawn) == len(numbers)
    for number, level in zip(numbers, drawn, strict=True):
        assert (level == "█") == (number == max(numbers))
        for other, other_level in zip(numbers, drawn, strict=True):
            assert number > other or _LEVELS.index(level) <= _LEVELS.index(other_level)


def test_sparkline_is_linear() -> None:
    assert sparkline(range(10, 18), 10, 17) == _LEVELS
    assert sparkline([5, 5], 5, 5) == "██"


@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_bars_leave_only_zero_blank(numbers: list[int]) -> None:
    assert [each == " " for each in bars(numbers)] == [number == 0 for number in numbers]


def test_bar_is_a_share_of_the_width() -> None:
    assert [len(bar(share, 30)) for share in (0, 0.01, 0.5, 1)] == [0, 0, 15, 30]
    assert bar(0.1, 20, "▒") == "▒▒"
