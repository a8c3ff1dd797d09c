"""From the Python stack to the line of code that made a call."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import re
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from netinspect.records.steps import SourceLine

# With a separator at the end: torchvision stands beside torch, and is not torch.
_TORCH = str(Path(torch.__file__).parent) + os.sep
_OURS = str(Path(__file__).parent.parent) + os.sep
_SAMPLES = str(Path(_OURS, "models")) + os.sep
_STANDARD_LIBRARY = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

# Files through which torch hands a call on; they are nobody's "own code" of a module.
_PLUMBING = tuple(
    str(Path(_TORCH, *parts))
    for parts in (
        ("overrides.py",),
        ("_jit_internal.py",),
        ("_tensor.py",),
        ("nn", "functional.py"),
    )
)
_MODULE_CALL = str(Path(_TORCH, "nn", "modules", "module.py"))

Place = tuple[str, int, str, int]
"""File, line, function, instruction: a source line before its text is read."""


@functools.lru_cache(maxsize=4096)
def owner(file: str) -> Literal["torch", "ours", "python", "user"]:
    """Tell whose a code file is. The samples are a user's, wherever they are installed."""
    if file.startswith(_TORCH):
        return "torch"
    if file.startswith(_OURS):
        return "user" if file.startswith(_SAMPLES) else "ours"
    if file.startswith("<frozen "):
        return "python"
    if file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _INSTALLED):
        return "python"
    return "user"


class Calling(NamedTuple):
    """Who made a call."""

    source: Place | None
    """The innermost line outside torch and Python's own library."""

    site: Place | None
    """The innermost line of torch's own that is no plumbing."""

    via: tuple[Place, ...]
    """The lines that led to `source` inside the same module call, as from `forward` to a helper."""


def calling_lines(depth: int) -> Calling:
    """Find who made the current call.

    Args:
        depth: How many frames above this function's caller to start.
    """
    frame: types.FrameType | None = sys._getframe(depth + 1)
    site: Place | None = None
    entered = left_module = False
    while frame is not None:
        file = frame.f_code.co_filename
        whose = owner(file)
        if whose == "user":
            return Calling(_place(frame), site, () if left_module else _outer_lines(frame))
        if whose == "ours":
            # Our own frames are either the hook that is asking, or the capture that started it all.
            if frame.f_code.co_name == "run_forward":
                break
        elif file == _MODULE_CALL:
            # The first of these frames belong to the very call that is asked about.
            left_module = entered
        elif whose == "torch":
            entered = True
            if site is None and not left_module and file not in _PLUMBING:
                site = _place(frame)
        frame = frame.f_back
    return Calling(None, site, ())


def _outer_lines(frame: types.FrameType) -> tuple[Place, ...]:
    lines = []
    outer = frame.f_back
    while outer is not None:
        file = outer.f_code.co_filename
        whose = owner(file)
        if whose == "ours" or file == _MODULE_CALL:
            break
        if whose == "user":
            lines.append(_place(outer))
        outer = outer.f_back
    return tuple(lines)


def _place(frame: types.FrameType) -> Place:
    code = frame.f_code
    return code.co_filename, frame.f_lineno, code.co_name, frame.f_lasti


def raising_line(error: BaseException) -> SourceLine | None:
    """Find the innermost line of the user's in an exception's traceback."""
    found: SourceLine | None = None
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if owner(code.co_filename) == "user":
            found = source_line(
                (code.co_filename, traceback.tb_lineno, code.co_name, traceback.tb_lasti)
            )
        traceback = traceback.tb_next
    return found


def source_line(place: Place | None) -> SourceLine | None:
    """Read the text of a place; empty for torch's own files, which nobody asked to see."""
    if place is None:
        return None
    file, line, function, instruction = place
    text = "" if owner(file) == "torch" else linecache.getline(file, line).strip()
    return SourceLine(file=file, line=line, function=function, text=text, instruction=instruction)


def is_library(cls: type) -> bool:
    """Whether torch itself defines a class."""
    return cls.__module__ == "torch" or cls.__module__.startswith("torch.")


def class_place(cls: type) -> tuple[str | None, int | None]:
    """Find the file and line of a class statement.

    `inspect.getsourcelines` parses the whole file each time; a search for the statement takes a
    thousandth of that.
    """
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        # A notebook cell has a file that only its functions know.
        file = getattr(getattr(cls.__dict__.get("forward"), "__code__", None), "co_filename", None)
    if file is None or file.endswith((".so", ".pyd")):
        return None, None
    statement = re.compile(rf"\s*class\s+{re.escape(cls.__name__)}\s*[\[(:]")
    numbers = [
        number for number, line in enumerate(linecache.getlines(file), start=1) if statement.match(line)
    ]
    # Where a file defines a name twice, the class is the last one above its first method.
    first_method = min(
        (
            value.__code__.co_firstlineno
            for value in vars(cls).values()
            if isinstance(value, types.FunctionType)
            and value.__code__.co_filename == file
            and value.__qualname__.startswith(f"{cls.__qualname__}.")
        ),
        default=sys.maxsize,
    )
    above = [number for number in numbers if number <= first_method]
    return file, above[-1] if above else next(iter(numbers), None)


def callable_place(function: Any) -> tuple[str, str | None, int | None]:
    """Name a callable and find where it is defined: qualified name, file, line."""
    target = inspect.unwrap(function) if callable(function) else function
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    bound = getattr(target, "__func__", target)
    code = getattr(bound, "__code__", None)
    if code is None and not hasattr(bound, "__qualname__"):
        code = getattr(vars(type(bound)).get("__call__"), "__code__", None)
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    if code is None:
        return name, None, None
    return name, code.co_filename, code.co_firstlineno
