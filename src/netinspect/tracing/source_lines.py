"""Places in source code: of exceptions, and the text of lines."""

from __future__ import annotations

import linecache
import os
import types
from itertools import islice
from opcode import opmap

from netinspect._utils.code_owners import owner
from netinspect.errors import Excerpt, shorten
from netinspect.records.steps import SourceLine

_NUMPY = f"{os.sep}site-packages{os.sep}numpy{os.sep}"
_LONGEST_LINE = 500
"""Maximum length of a reported source line."""

Location = tuple[str, int, str, int]
"""File, line, function, instruction: a source line before its text is read."""

_PRECALL = opmap.get("PRECALL")
"""Instruction of Python 3.11, followed by one cache entry and CALL."""


def call_instruction(code: types.CodeType, offset: int) -> int:
    """Return the offset of the CALL instruction of a call.

    Python 3.11 executes a call in PRECALL instead of CALL once it has specialized the line, so that the
    offset of the frame depends on how often the line ran before.
    """
    return offset + 4 if offset >= 0 and code.co_code[offset] == _PRECALL else offset


def raising_line(error: BaseException) -> SourceLine | None:
    """Return the innermost line of the user in a traceback, preferably one in a file."""
    found = raising_entry(error)
    if found is None:
        return None
    code = found.tb_frame.f_code
    return source_line(
        (code.co_filename, found.tb_lineno or 0, code.co_name, call_instruction(code, found.tb_lasti))
    )


def raising_columns(error: BaseException) -> tuple[int, int] | None:
    """Return the start and end of the expression that raised, in the text of `raising_line`.

    An expression of several lines ends with the first one. None without positions, as in code that was
    compiled without them, or if the text was shortened.
    """
    found = raising_entry(error)
    if found is None:
        return None
    code = found.tb_frame.f_code
    positions = next(islice(code.co_positions(), found.tb_lasti // 2, None), (None,) * 4)
    first, last, start, end = positions
    lines = lines_of(code.co_filename)
    if first is None or start is None or end is None or not 0 < first <= len(lines):
        return None
    line = lines[first - 1].rstrip()
    if first != found.tb_lineno or len(line.strip()) > _LONGEST_LINE:
        return None
    indent = len(line) - len(line.lstrip())
    # Positions are offsets in UTF-8.
    encoded = line.encode("utf-8", "surrogatepass")
    begin, stop = (len(encoded[:each].decode("utf-8", "ignore")) for each in (start, end))
    begin, stop = begin - indent, (stop if last == first else len(line)) - indent
    return (begin, stop) if 0 <= begin < stop else None


def raising_excerpt(error: BaseException) -> Excerpt | None:
    """Return the text of `raising_line` with the expression that raised; None without a text."""
    line = raising_line(error)
    return (
        None if line is None or not line.text else Excerpt(line.text, *raising_columns(error) or (0, 0))
    )


def raising_entry(error: BaseException) -> types.TracebackType | None:
    """Return the innermost entry of the user in a traceback, preferably one in a file."""
    found: types.TracebackType | None = None
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        # Executed text, as in a dataclass, is in no file.
        has_lines = not file.startswith("<") or bool(lines_of(file))
        if owner(file) == "user" and (has_lines or found is None):
            found = traceback
        traceback = traceback.tb_next
    return found


def is_raised_by_user(error: BaseException) -> bool:
    """Return whether user code raised an exception, directly or in a library that it called."""
    whose = ""
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        each = owner(file)
        # Exceptions from torch, NumPy and the standard library are attributed to their caller.
        if each in ("user", "ours") and _NUMPY not in file:
            whose = each
        traceback = traceback.tb_next
    return whose == "user"


def source_line(place: Location | None) -> SourceLine | None:
    """Return a location with its source text, which is empty for torch's own files."""
    if place is None:
        return None
    file, line, function, instruction = place
    text = "" if owner(file) == "torch" else _line_of(file, line)
    return SourceLine(file=file, line=line, function=function, text=text, instruction=instruction)


def _line_of(file: str, line: int) -> str:
    lines = lines_of(file)
    return shorten(lines[line - 1].strip(), _LONGEST_LINE) if 0 < line <= len(lines) else ""


def lines_of(file: str) -> list[str]:
    """Read the lines of a code file; empty for a pipe or a device, which might block."""
    if file not in linecache.cache and os.path.exists(file) and not os.path.isfile(file):
        return []
    try:
        return linecache.getlines(file)
    except (OSError, ValueError):  # a relative name, searched in a folder that is gone
        return []
