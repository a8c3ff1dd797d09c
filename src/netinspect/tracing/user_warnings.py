"""Warnings of torch, shown at the line of the user's code that caused them.

Torch names the innermost line of Python, or one some calls further out. While a run is recorded, that
may be a line of ours, which handed the call on.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from netinspect.tracing.code_owners import owner
from netinspect.tracing.source_lines import ENTRY_POINTS, PLUMBING


@contextmanager
def at_the_users_line() -> Iterator[None]:
    """Show warnings that name one of our files at the line of the user's that made the call.

    `warnings.showwarning` may be replaced, as documented, and is put back at the end. Which
    warnings are shown, and whether one is an error, is for the filters as always.
    """
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if owner(filename) == "ours":
            place = _calling_location(sys._getframe(1))
            if place is None:
                return  # caused by tracing itself; the user cannot fix it
            filename, lineno, line = *place, None
        shown(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        if warnings.showwarning is show:
            warnings.showwarning = shown


def _calling_location(frame: FrameType | None) -> tuple[str, int] | None:
    """Return file and line of the innermost frame of the user's, or else of torch's, inside a run."""
    torchs = None
    while frame is not None:
        code = frame.f_code
        whose = owner(code.co_filename)
        if whose == "user":
            return code.co_filename, frame.f_lineno
        if whose == "ours" and code.co_name in ENTRY_POINTS:
            break
        if whose == "torch" and torchs is None and code.co_filename not in PLUMBING:
            torchs = code.co_filename, frame.f_lineno
        frame = frame.f_back
    return torchs
