"""Source lines of calls, found on the Python stack."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from netinspect._utils.classes import (
    ancestors,
    defining_module,
    namespace_of,
    plain_name,
    qualified_name,
)
from netinspect.errors import shorten
from netinspect.records.steps import SourceLine
from netinspect.tracing.code_owners import TORCH, owner
from netinspect.tracing.safe_access import attribute, by_class, class_attribute, is_a

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

Place = tuple[str, int, str, int]
"""File, line, function, instruction: a source line before its text is read."""


class Calling(NamedTuple):
    """Source locations of the caller of a step."""

    source: Place | None
    """The innermost line outside torch and Python's own library."""

    site: Place | None
    """The innermost line of torch that does more than forward the call."""

    via: tuple[Place, ...]
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
    source: Place | None = None,
) -> Calling:
    """Find the source locations of a caller.

    Args:
        frame: Where to start.
        name: The function that is called.
        running: The frame of torch's that runs the innermost module call, where it is known.
        source: The line that made that module call: the search ends where it would go over the same
            frames again.
    """
    site: Place | None = None
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
            via: tuple[Place, ...] = ()
            if not left_module:
                if code.co_name == "forward" and not _is_called(frame):
                    forwards.append(frame)
                via = _outer_lines(frame, forwards)
            return Calling(_place(frame), site, via, tuple(forwards) if forwards else ())
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
                    site = _place(frame)
                if code.co_name == "forward" and not _is_called(frame):
                    forwards.append(frame)
        frame = frame.f_back
    return Calling(None, site, (), tuple(forwards))


def _outer_lines(frame: types.FrameType, forwards: list[types.FrameType]) -> tuple[Place, ...]:
    lines: list[Place] = []
    outer = frame.f_back
    while outer is not None:
        code = outer.f_code
        role = _role(code)
        if role in ("call", "ours", "start"):
            break
        if role == "user":
            lines.append(_place(outer))
        if code.co_name == "forward" and not _is_called(outer):
            forwards.append(outer)
        outer = outer.f_back
    return tuple(lines)


def _is_called(forward: types.FrameType) -> bool:
    """Return whether a module's `__call__` runs this forward, so that our hooks see it."""
    return forward.f_back is not None and _role(forward.f_back.f_code) == "call"


STARTS = ("run_forward", "run_through", "run_constructor")
"""Functions of ours that call the user's code."""

Role = Literal["user", "call", "layer", "plumbing", "machinery", "helper", "ours", "start", "python"]
_TORCHS = frozenset({"layer", "plumbing", "machinery", "helper"})
_roles: dict[int, tuple[types.CodeType, Role]] = {}


def _role(code: types.CodeType) -> Role:
    """Role of a code object in calls; cached, because each is queried many times."""
    # By its address, since code hashes all that is in it; the entry keeps the address from others.
    known = _roles.get(id(code))
    if known is None:
        if len(_roles) >= _MAXIMUM_PLACES:
            _roles.clear()
        known = _roles[id(code)] = code, _find_role(code)
    return known[1]


def _find_role(code: types.CodeType) -> Role:
    file = code.co_filename
    whose = owner(file)
    if whose == "ours" and code.co_name in STARTS:
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


_MAXIMUM_PLACES = 4096
_places: dict[tuple[int, int], tuple[types.CodeType, Place]] = {}


def _place(frame: types.FrameType) -> Place:
    """Return the location of a frame; cached per instruction, because line lookup is slow."""
    code, instruction = frame.f_code, frame.f_lasti
    # By its address, since code hashes all that is in it; the entry keeps the address from others.
    known = _places.get((id(code), instruction))
    if known is None:
        if len(_places) >= _MAXIMUM_PLACES:
            _places.clear()
        known = code, (code.co_filename, frame.f_lineno, code.co_name, instruction)
        _places[id(code), instruction] = known
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


def source_line(place: Place | None) -> SourceLine | None:
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


def is_library(cls: type) -> bool:
    """Return whether torch itself defines a class."""
    return f"{defining_module(cls)}.".startswith("torch.")


@by_class
def runs_torchs_forward(cls: Any) -> bool:
    """Return whether instances run torch's forward, as a user's subclass of Sequential does."""
    # Statically, for a TorchScript class answers only through an instance.
    forward = class_attribute(cls, "forward")
    if type(forward) is types.FunctionType:
        return str(forward.__module__).startswith("torch.")
    return False


@by_class
def class_path(cls: Any) -> str:
    """Return the qualified name of a class; for a `torch.fx` class, that of its generated code."""
    # They share one name; the file name of the generated code identifies its origin by a number.
    if (code := _fx_code(cls)) is not None:
        return f"torch.fx.GraphModule {code.co_filename.partition(' from ')[0]}"
    return f"{defining_module(cls)}.{qualified_name(cls)}"


def _fx_code(cls: Any) -> types.CodeType | None:
    """Return the forward that `torch.fx` generated for a class; None for any other class."""
    if defining_module(cls) != "torch.fx.graph_module":
        return None
    code: types.CodeType | None = getattr(namespace_of(cls).get("forward"), "__code__", None)
    return code


def class_place(cls: type) -> tuple[str | None, int | None]:
    """Find the file and line of a class statement.

    A class that was made while the program ran has none, as that of a parametrized layer; then it is
    that of the class whose `forward` it runs.
    """
    if (generated := _fx_code(cls)) is not None:
        return generated.co_filename, generated.co_firstlineno
    places = list(map(_own_place, makers(cls)))
    return next((place for place in places if place[1] is not None), places[0])


def makers(cls: type) -> list[type]:
    """Yield a class and its bases, up to the one that defines its `forward`."""
    classes = [each for each in ancestors(cls) if each is not object]
    defining = [index for index, each in enumerate(classes) if "forward" in namespace_of(each)]
    return classes[: defining[0] + 1] if defining else [cls]


def _own_place(cls: type) -> tuple[str | None, int | None]:
    """Find the file and line of the statement of one class.

    `inspect.getsourcelines` parses the whole file each time; a search for the statement takes a
    thousandth of that.
    """
    module = sys.modules.get(defining_module(cls))
    file = getattr(module, "__file__", None)
    if file is None:
        # A notebook cell has a file that only its functions know.
        file = getattr(getattr(namespace_of(cls).get("forward"), "__code__", None), "co_filename", None)
    if file is None or file.endswith((".so", ".pyd")):
        return None, None
    numbers = statements(cls, lines_of(file))
    above = [number for number in numbers if number <= first_method(cls, file)]
    # Where a file defines a name twice, the class is the last one above its first method.
    return file, above[-1] if above else next(iter(numbers), None)


def statements(cls: type, lines: Sequence[str]) -> list[int]:
    """Return the line numbers at which classes of this name are defined in a file."""
    name = plain_name(cls)
    return [
        number for number, line in enumerate(lines, start=1) if "class" in line and _begins(line, name)
    ]


def _begins(line: str, name: str) -> bool:
    """Return whether a line begins the definition of a class of this name."""
    words = line.split(None, 1)
    if len(words) < 2 or words[0] != "class" or not words[1].startswith(name):
        return False
    return words[1][len(name) :].lstrip().startswith(("[", "(", ":"))


def first_method(cls: type, file: str) -> int:
    """Return the first line of the first function of a class; larger than any line if it has none."""
    return min(
        (
            value.__code__.co_firstlineno
            for value in namespace_of(cls).values()
            if isinstance(value, types.FunctionType)
            and value.__code__.co_filename == file
            and value.__qualname__.startswith(f"{qualified_name(cls)}.")
        ),
        default=sys.maxsize,
    )


def callable_place(function: Any) -> tuple[str, str | None, int | None]:
    """Name a callable and find where it is defined: qualified name, file, line."""
    target = function
    for _ in range(_MAXIMUM_WRAPPERS):
        inner = attribute(target, "__wrapped__")
        if inner is None and is_a(target, functools.partial):
            inner = functools.partial.func.__get__(target)
        if inner is None:
            break
        target = inner
    cls: Any = type(target)
    bound = target.__func__ if cls in _BOUND else target
    # Only of Python's own kinds of callables; any other may compute what it is asked for.
    if type(bound) is types.FunctionType:
        code: Any = bound.__code__
        return bound.__qualname__, code.co_filename, code.co_firstlineno
    if is_a(bound, type) or cls in _IN_C:
        return qualified_name(bound) if is_a(bound, type) else str(bound.__qualname__), None, None
    called = class_attribute(type(bound), "__call__")
    if type(called) is not types.FunctionType:
        return qualified_name(cls), None, None
    return qualified_name(cls), called.__code__.co_filename, called.__code__.co_firstlineno


_MAXIMUM_WRAPPERS = 64
_BOUND = (types.MethodType, staticmethod, classmethod)
_IN_C = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
