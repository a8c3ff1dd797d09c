"""Bar charts in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def bars(numbers: Sequence[int]) -> str:
    """Return one bar for each number; the largest is full, and only 0 is blank."""
    most = max(numbers, default=0)
    return "".join(
        _LEVELS[-(-number * len(_LEVELS) // most) - 1] if number else " " for number in numbers
    )


def sparkline(numbers: Sequence[int], low: int, high: int) -> str:
    """Return one bar for each number from `low` to `high`; only `high` is full."""
    steps = len(_LEVELS) - 1
    return "".join(
        _LEVELS[steps if number >= high else (number - low) * steps // (high - low)]
        for number in numbers
    )


def bar(share: float, width: int, character: str = "█") -> str:
    """Return a bar whose length is a share of the width."""
    return character * round(share * width)


def share_bar(share: float, width: int) -> str:
    """Return a bar in steps of an eighth of a character; only a share of 0 is blank."""
    eighths = min(width * 8, max(round(share * width * 8), 1)) if share > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + _EIGHTHS[rest]
