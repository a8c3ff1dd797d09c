"""Formats of totals."""

from __future__ import annotations

import pytest

from netinspect.torchinfo import ModelStatistics, Units


@pytest.mark.parametrize(
    ("number", "units", "is_bytes", "text"),
    [
        (512, Units.AUTO, False, ": 512"),
        (512, Units.AUTO, True, " (B): 512"),
        (1_000, Units.AUTO, True, " (kB): 1"),
        (4_089_184, Units.AUTO, False, " (M): 4.09"),
        (2_500_000_000, Units.AUTO, False, " (G): 2.50"),
        (3_000_000_000_000, "T", False, " (T): 3"),
        (44_426, Units.NONE, False, ": 44,426"),
    ],
)
def test_format_output_num(number: int, units: Units, is_bytes: bool, text: str) -> None:
    assert ModelStatistics.format_output_num(number, units, is_bytes) == text


def test_to_readable() -> None:
    assert ModelStatistics.to_readable(1_500_000) == (Units.MEGABYTES, 1.5)
    assert ModelStatistics.to_readable(15, Units.NONE) == (Units.NONE, 15)
