"""Numbers as a row of bars, as high as a line of text."""

from __future__ import annotations

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"


def bars(numbers: Sequence[int]) -> str:
    """Draw a bar for each number, the largest one full; what is 0 stays blank, and nothing else does."""
    most = max(numbers, default=0)
    return "".join(
        _LEVELS[-(-number * len(_LEVELS) // most) - 1] if number else " " for number in numbers
    )
