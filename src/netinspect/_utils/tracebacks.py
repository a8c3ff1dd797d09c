"""Tracebacks as text, safe for code whose file name is a device or a pipe."""

from __future__ import annotations

import linecache
import os
import traceback
from types import TracebackType
from typing import Any

from netinspect._utils.classes import is_a
from netinspect._utils.code_owners import owner

# These bypass attributes of the same names that a user's class may define.
_TRACEBACK: Any = vars(BaseException)["__traceback__"].__get__
_CAUSE: Any = vars(BaseException)["__cause__"].__get__
_CONTEXT: Any = vars(BaseException)["__context__"].__get__
_PARTS: Any = vars(BaseExceptionGroup)["exceptions"].__get__

_MOST_FRAMES = 50
"""Maximum number of frames, the innermost ones."""

_LONGEST_LINE = 500
"""Maximum number of characters of a line."""

_MOST_CAUSES = 100
"""Maximum number of chained exceptions to visit."""


def traceback_lines(error: BaseException) -> tuple[str, ...]:
    """Format the frames of an exception as Python does, without those of netinspect."""
    _shield(error)
    # More than needed, because every call of a module has frames of netinspect.
    frames = traceback.extract_tb(error.__traceback__, limit=-4 * _MOST_FRAMES)
    others = [frame for frame in frames if owner(frame.filename) != "ours"]
    lines = "".join(traceback.format_list(others[-_MOST_FRAMES:])).splitlines()
    return tuple(line[:_LONGEST_LINE] for line in lines)


def exception_lines(error: BaseException) -> list[str]:
    """Format an exception as Python does, with the exceptions that led to it."""
    _shield(error)
    return "".join(traceback.format_exception(error)).splitlines()


def frame_lines(error: BaseException) -> list[str]:
    """Format all frames of an exception as Python does, without its message."""
    _shield(error)
    return "".join(traceback.format_tb(error.__traceback__)).splitlines()


def _shield(error: BaseException) -> None:
    """Prevent Python from reading source lines of devices and pipes, which may be endless."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_CAUSES:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        for file in _files(_TRACEBACK(each)):
            if file not in linecache.cache and os.path.exists(file) and not os.path.isfile(file):
                # An entry without a modification time is not checked against the file.
                linecache.cache[file] = (0, None, [], file)
        waiting += (_CAUSE(each), _CONTEXT(each))
        if is_a(each, BaseExceptionGroup):
            waiting += _PARTS(each)


def _files(passed: TracebackType | None) -> set[str]:
    return {frame.f_code.co_filename for frame, _ in traceback.walk_tb(passed)}
