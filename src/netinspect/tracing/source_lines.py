"""Source lines of calls, found on the Python stack."""

from __future__ import annotations

import inspect
import linecache
import os
import types
from pathlib import Path
from typing import Any, Literal, NamedTuple

from netinspect.errors import shorten
from netinspect.records.steps import SourceLine
from netinspect.tracing.code_owners import TORCH, owner

_NUMPY = f"{os.sep}site-packages{os.sep}numpy{os.sep}"
# Files in which torch only forwards a call; not the code of any module.
PLUMBING = tuple(
    str(Path(TORCH, *parts))
    for parts in (("overrides.py",), ("_jit_internal.py",), ("_tensor.py",), ("nn", "functional.py"))
)
_MODULE_CALL = str(Path(TORCH, "nn", "modules", "module.py"))

# Internal work of torch between our hook and the layer: not steps of the model.
_MACHINERY = frozenset(
    str(Path(TORCH, *parts)) for parts in (("utils", "hooks.py"), ("nn", "modules", "lazy.py"))
)
# Functions of torch's that are written in Python, and what in each does the work; the rest is not a
# step.
_HELPERS_FILE = str(Path(TORCH, "nn", "utils", "rnn.py"))
_HELPERS: dict[str, tuple[str, ...]] = {
    "pack_padded_sequence": ("_pack_padded_sequence",),
    "pack_sequence": ("pad_sequence", "_pack_padded_sequence"),
    "pad_packed_sequence": ("_pad_packed_sequence",),
    "unpad_sequence": ("unbind", "__getitem__"),
    "invert_permutation": (),
}

_LONGEST_LINE = 500
"""Characters of a source line that are reported."""

Location = tuple[str, int, str, int]
"""File, line, function, instruction: a source line before its text is read."""


class Calling(NamedTuple):
    """Source locations of the caller of a step."""

    source: Location | None
    """The innermost line outside torch and Python's own library."""

    site: Location | None
    """The innermost line of torch that does more than forward the call."""

    via: tuple[Location, ...]
    """The lines that led to `source` inside the same module call, as from `forward` to a helper."""

    forwards: tuple[types.FrameType, ...] = ()
    """Frames inside the same module call that run a `forward` which was not called by a module's
    `__call__`, innermost first: a layer's own that passed its hooks by, or one of a base class."""

    hidden: bool = False
    """Whether torch made the call internally: in its hooks, or as part of one function."""


def calling_lines(
    frame: types.FrameType | None,
    name: str = "",
    running: types.FrameType | None = None,
    source: Location | None = None,
) -> Calling:
    """Find the source locations of a caller.

    Args:
        frame: Where to start.
        name: The function that is called.
        running: The frame of torch's that runs the innermost module call, where it is known.
        source: The line that made that module call: the search ends where it would go over the same
            frames again.
    """
    site: Location | None = None
    entered = left_module = False
    forwards: list[types.FrameType] = []
    # The first frames of a module's call are torch's own that lead to its hooks.
    while frame is not None and _role(frame.f_code) == "call":
        frame = frame.f_back
    while frame is not None:
        code = frame.f_code
        known = _roles.get(id(code))
        role = _role(code) if known is None else known[1]
        if role == "user":
            via: tuple[Location, ...] = ()
            if not left_module:
                if code.co_name == "forward" and not _is_called(frame):
                    forwards.append(frame)
                via = _outer_lines(frame, forwards)
            return Calling(_location(frame), site, via, tuple(forwards) if forwards else ())
        if role == "start":
            break
        if role == "call":
            # The first of these frames belong to the very call that is asked about.
            left_module = entered
            if entered and frame is running:
                return Calling(source, site, (), tuple(forwards) if forwards else ())
        elif role in _TORCHS:
            entered = True
            if not left_module:
                if role == "machinery" or (
                    role == "helper" and name not in _HELPERS.get(code.co_name, (name,))
                ):
                    return Calling(None, None, (), hidden=True)
                if site is None and role != "plumbing":
                    site = _location(frame)
                if code.co_name == "forward" and not _is_called(frame):
                    forwards.append(frame)
        frame = frame.f_back
    return Calling(None, site, (), tuple(forwards))


def _outer_lines(frame: types.FrameType, forwards: list[types.FrameType]) -> tuple[Location, ...]:
    lines: list[Location] = []
    outer = frame.f_back
    while outer is not None:
        code = outer.f_code
        role = _role(code)
        if role in ("call", "ours", "start"):
            break
        if role == "user":
            lines.append(_location(outer))
        if code.co_name == "forward" and not _is_called(outer):
            forwards.append(outer)
        outer = outer.f_back
    return tuple(lines)


def _is_called(forward: types.FrameType) -> bool:
    """Return whether a module's `__call__` runs this forward, so that our hooks see it."""
    return forward.f_back is not None and _role(forward.f_back.f_code) == "call"


ENTRY_POINTS = ("run_forward", "consume_output", "run_constructor")
"""Functions of ours that call the user's code."""

Role = Literal["user", "call", "layer", "plumbing", "machinery", "helper", "ours", "start", "python"]
_TORCHS = frozenset({"layer", "plumbing", "machinery", "helper"})
_roles: dict[int, tuple[types.CodeType, Role]] = {}


def _role(code: types.CodeType) -> Role:
    """Role of a code object in calls; cached, because each is queried many times."""
    # By its address, since code hashes all that is in it; the entry keeps the address from others.
    known = _roles.get(id(code))
    if known is None:
        if len(_roles) >= _MAX_LOCATIONS:
            _roles.clear()
        known = _roles[id(code)] = code, _find_role(code)
    return known[1]


def _find_role(code: types.CodeType) -> Role:
    file = code.co_filename
    whose = owner(file)
    if whose == "ours" and code.co_name in ENTRY_POINTS:
        return "start"  # of all; our other frames are the hook that is asking
    if whose != "torch":
        return whose
    if file == _MODULE_CALL:
        return "call"
    if file in _MACHINERY:
        return "machinery"
    if file == _HELPERS_FILE:
        return "helper"
    return "plumbing" if file in PLUMBING else "layer"


def module_of(forward: types.FrameType) -> Any:
    """Return the `self` of a running forward; None if the function has none."""
    names = forward.f_code.co_varnames[: forward.f_code.co_argcount]
    return forward.f_locals.get(names[0]) if names else None


def arguments_of(forward: types.FrameType) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of a running forward, read from its variables."""
    values = inspect.getargvalues(forward)
    found = [values.locals[name] for name in values.args[1:] if name in values.locals]
    more = values.locals.get(values.varargs, ()) if values.varargs else ()
    named = values.locals.get(values.keywords, {}) if values.keywords else {}
    return (*found, *more), dict(named)


_MAX_LOCATIONS = 4096
_locations: dict[tuple[int, int], tuple[types.CodeType, Location]] = {}


def _location(frame: types.FrameType) -> Location:
    """Return the location of a frame; cached per instruction, because line lookup is slow."""
    code, instruction = frame.f_code, frame.f_lasti
    # By its address, since code hashes all that is in it; the entry keeps the address from others.
    known = _locations.get((id(code), instruction))
    if known is None:
        if len(_locations) >= _MAX_LOCATIONS:
            _locations.clear()
        known = code, (code.co_filename, frame.f_lineno, code.co_name, instruction)
        _locations[id(code), instruction] = known
    return known[1]


def raising_line(error: BaseException) -> SourceLine | None:
    """Find the innermost line of the user's in an exception's traceback, in a file if there is one."""
    found: types.TracebackType | None = None
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        # Text that was executed, as by a dataclass, is at no place that could be opened.
        has_lines = not file.startswith("<") or bool(lines_of(file))
        if owner(file) == "user" and (has_lines or found is None):
            found = traceback
        traceback = traceback.tb_next
    if found is None:
        return None
    code = found.tb_frame.f_code
    return source_line((code.co_filename, found.tb_lineno or 0, code.co_name, found.tb_lasti))


def is_raised_by_user(error: BaseException) -> bool:
    """Return whether the user's code raised an exception, directly or in a library it called."""
    whose = ""
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        each = owner(file)
        # What torch, NumPy and Python's own library raise, they raise for whoever called them.
        if each in ("user", "ours") and _NUMPY not in file:
            whose = each
        traceback = traceback.tb_next
    return whose == "user"


def source_line(place: Location | None) -> SourceLine | None:
    """Read the text of a source line; empty for torch's own files."""
    if place is None:
        return None
    file, line, function, instruction = place
    text = "" if owner(file) == "torch" else _line_of(file, line)
    return SourceLine(file=file, line=line, function=function, text=text, instruction=instruction)


def _line_of(file: str, line: int) -> str:
    lines = lines_of(file)
    return shorten(lines[line - 1].strip(), _LONGEST_LINE) if 0 < line <= len(lines) else ""


def lines_of(file: str) -> list[str]:
    """Read the lines of a code file; a pipe or a device under that name is not waited for."""
    if file not in linecache.cache and os.path.exists(file) and not os.path.isfile(file):
        return []
    try:
        return linecache.getlines(file)
    except (OSError, ValueError):  # a relative name is looked for from the current folder
        return []
