"""Source lines of the call that runs, found on the Python stack."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Literal, NamedTuple

from netinspect._utils.code_owners import owner, torch_folder
from netinspect.tracing.source_lines import Location, call_instruction

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
        location = code.co_filename, frame.f_lineno, code.co_name, call_instruction(code, instruction)
        known = code, location
        _locations[id(code), instruction] = known
    return known[1]
