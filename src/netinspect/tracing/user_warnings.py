"""Warnings of torch, attributed to the line of the user's code that caused them.

Torch attributes a warning to the innermost Python line, or to a line some calls further out. During a
recorded run, that may be a line of netinspect, which only forwarded the call.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from netinspect._utils.code_owners import owner
from netinspect.tracing.calling_lines import ENTRY_POINTS, PLUMBING


@contextmanager
def at_the_users_line() -> Iterator[None]:
    """Attribute warnings from files of netinspect to the calling line of the user.

    Replaces `warnings.showwarning`, as documented in Python, and restores it at the end. Filters still
    decide which warnings are shown or raised.
    """
    original = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if owner(filename) == "ours":
            location = _calling_location(sys._getframe(1))
            if location is None:
                return  # caused by tracing itself; the user cannot fix it
            filename, lineno, line = *location, None
        original(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        if warnings.showwarning is show:
            warnings.showwarning = original


def _calling_location(frame: FrameType | None) -> tuple[str, int] | None:
    """Return file and line of the user's innermost frame in a run; without one, of torch's."""
    of_torch = None
    while frame is not None:
        code = frame.f_code
        whose = owner(code.co_filename)
        if whose == "user":
            return code.co_filename, frame.f_lineno
        if whose == "ours" and code.co_name in ENTRY_POINTS:
            break
        if whose == "torch" and of_torch is None and code.co_filename not in PLUMBING:
            of_torch = code.co_filename, frame.f_lineno
        frame = frame.f_back
    return of_torch
