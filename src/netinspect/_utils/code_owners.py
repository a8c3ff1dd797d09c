"""Owners of code files: torch, Python, netinspect, or the user with the packages that are installed."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import FrameType
from typing import Literal

from netinspect._utils.own_folders import PACKAGE, SAMPLES

IMPORTER = "<frozen importlib"
"""First characters of the names of the files of Python's importer."""

_OURS = f"{PACKAGE}{os.sep}"
_SAMPLES = f"{SAMPLES}{os.sep}"
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))
_STANDARD_LIBRARY = (_LIBRARY + os.sep, os.path.realpath(_LIBRARY) + os.sep)
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@functools.cache
def torch_folder() -> str:
    """Return the folder of torch, with a separator at its end; torch is not imported."""
    torch = find_spec("torch")
    return os.path.dirname((torch and torch.origin) or os.path.join("torch", "")) + os.sep


@functools.lru_cache(maxsize=4096)
def owner(file: str) -> Literal["torch", "ours", "python", "user"]:
    """Return the owner of a code file. Sample models count as the user's code, wherever installed."""
    if file.startswith(_OURS):
        return "user" if file.startswith(_SAMPLES) else "ours"
    if file.startswith("<frozen "):
        return "python"
    if file.startswith(_STANDARD_LIBRARY) and not is_installed(file):
        return "python"
    return "torch" if file.startswith(torch_folder()) else "user"


def asking_frame(is_asker: Callable[[str], bool]) -> FrameType | None:
    """Return the innermost frame of the caller's stack whose file is an asker, which caused an event.

    What a package does during its own import is not asked for: then, and without an asker, it is None.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(IMPORTER):
            if frame.f_code.co_name == "exec_module":
                return None
        elif is_asker(file):
            return frame
        frame = frame.f_back
    return None


def is_installed(file: str) -> bool:
    """Return whether a file is in a folder of installed packages."""
    return any(part in file for part in INSTALLED)


@functools.lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Return whether a code file is the user's own, and not that of an installed package."""
    return not is_installed(file) and owner(file) == "user"
