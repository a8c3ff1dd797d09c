"""Source lines of calls, found on the Python stack."""

from __future__ import annotations

import inspect
import linecache
import os
import types
from opcode import opmap
from pathlib import Path
from typing import Any, Literal, NamedTuple

from netinspect._utils.code_owners import owner, torch_folder
from netinspect.errors import shorten
from netinspect.records.steps import SourceLine

_NUMPY = f"{os.sep}site-packages{os.sep}numpy{os.sep}"
# Files in which torch only forwards a call; not the code of any module.
PLUMBING = tuple(
    str(Path(torch_folder(), *parts))
    for parts in (("overrides.py",), ("_jit_internal.py",), ("_tensor.py",), ("nn", "functional.py"))
)
_MODULE_CALL = str(Path(torch_folder(), "nn", "modules", "module.py"))

# Internal work of torch between our hook and the layer: not steps of the model.
_MACHINERY = frozenset(
    str(Path(torch_folder(), *parts)) for parts in (("utils", "hooks.py"), ("nn", "modules", "lazy.py"))
)
# Python functions of torch, with the functions in them that are steps; other calls in them are not.
_HELPERS_FILE = str(Path(torch_folder(), "nn", "utils", "rnn.py"))
_HELPERS: dict[str, tuple[str, ...]] = {
    "pack_padded_sequence": ("_pack_padded_sequence",),
    "pack_sequence": ("pad_sequence", "_pack_padded_sequence"),
    "pad_packed_sequence": ("_pad_packed_sequence",),
    "unpad_sequence": ("unbind", "__getitem__"),
    "invert_permutation": (),
}

_LONGEST_LINE = 500
"""Maximum length of a reported source line."""

Location = tuple[str, int, str, int]
"""File, line, function, instruction: a source line before its text is read."""


class Calling(NamedTuple):
    """Source locations of the caller of a step."""

    source: Location | None
    """The innermost line outside torch and Python's own library."""

    site: Location | None
    """The innermost line of torch that does more than pass on the call."""

    via: tuple[Location, ...]
    """The lines that led to `source` inside the same module call, as from `forward` to a helper."""

    forwards: tuple[types.FrameType, ...] = ()
    """Frames inside the same module call with a `forward` that no `__call__` of a module runs, innermost
    first: a layer that was called without hooks, or a `forward` of a base class."""

    hidden: bool = False
    """True if torch made the call internally: in its hooks, or as part of one function."""


def calling_lines(
    frame: types.FrameType | None,
    name: str = "",
    running: types.FrameType | None = None,
    source: Location | None = None,
) -> Calling:
    """Find the source locations of a caller.

    Args:
        frame: Frame to start from.
        name: Name of the called function.
        running: Frame of torch that runs the innermost module call, if known. The search ends there.
        source: Calling line of that module call.
    """
    site: Location | None = None
    entered = left_module = False
    forwards: list[types.FrameType] = []
    # Skip the frames of torch between a module call and its hooks.
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
            # The first of these frames belong to the call itself.
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
    """Return whether a module's `__call__` runs this forward, so that its hooks run."""
    return forward.f_back is not None and _role(forward.f_back.f_code) == "call"


ENTRY_POINTS = ("run_forward", "consume_output", "run_constructor")
"""Functions of netinspect that call user code."""

Role = Literal["user", "call", "layer", "plumbing", "machinery", "helper", "ours", "start", "python"]
_TORCHS = frozenset({"layer", "plumbing", "machinery", "helper"})
_roles: dict[int, tuple[types.CodeType, Role]] = {}


def _role(code: types.CodeType) -> Role:
    """Return the role of a code object; cached, because each is queried many times."""
    # By address, because hashing code is slow. The entry prevents reuse of the address.
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
        return "start"  # other frames of netinspect belong to a hook or mode
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
    # By address, because hashing code is slow. The entry prevents reuse of the address.
    known = _locations.get((id(code), instruction))
    if known is None:
        if len(_locations) >= _MAX_LOCATIONS:
            _locations.clear()
        location = code.co_filename, frame.f_lineno, code.co_name, _call_instruction(code, instruction)
        known = code, location
        _locations[id(code), instruction] = known
    return known[1]


_PRECALL = opmap.get("PRECALL")
"""Instruction of Python 3.11, followed by one cache entry and CALL."""


def _call_instruction(code: types.CodeType, offset: int) -> int:
    """Return the offset of the CALL instruction of a call.

    Python 3.11 executes a call in PRECALL instead of CALL once it has specialized the line, so that the
    offset of the frame depends on how often the line ran before.
    """
    return offset + 4 if offset >= 0 and code.co_code[offset] == _PRECALL else offset


def raising_line(error: BaseException) -> SourceLine | None:
    """Return the innermost line of the user in a traceback, preferably one in a file."""
    found: types.TracebackType | None = None
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        # Executed text, as in a dataclass, is in no file.
        has_lines = not file.startswith("<") or bool(lines_of(file))
        if owner(file) == "user" and (has_lines or found is None):
            found = traceback
        traceback = traceback.tb_next
    if found is None:
        return None
    code = found.tb_frame.f_code
    return source_line(
        (code.co_filename, found.tb_lineno or 0, code.co_name, _call_instruction(code, found.tb_lasti))
    )


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
