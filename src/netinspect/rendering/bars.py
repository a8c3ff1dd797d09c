"""Bar charts in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"


def bars(numbers: Sequence[int]) -> str:
    """Return one bar for each number; the largest is full, and only 0 is blank."""
    most = max(numbers, default=0)
    return "".join(
        _LEVELS[-(-number * len(_LEVELS) // most) - 1] if number else " " for number in numbers
    )
