"""The traceback of what a model raised, as lines of text."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

_OWN = str(Path(__file__).parents[1]) + os.sep

_MOST_FRAMES = 50
"""Frames that are kept, the innermost ones."""

_LONGEST_LINE = 500
"""Characters of a line that are kept."""


def traceback_lines(error: BaseException) -> tuple[str, ...]:
    """Return the frames of an exception as Python prints them, without those of netinspect."""
    # Twice as many, and more: every call of a module passes frames of our own.
    frames = traceback.extract_tb(error.__traceback__, limit=-4 * _MOST_FRAMES)
    others = [frame for frame in frames if not frame.filename.startswith(_OWN)]
    lines = "".join(traceback.format_list(others[-_MOST_FRAMES:])).splitlines()
    return tuple(line[:_LONGEST_LINE] for line in lines)
