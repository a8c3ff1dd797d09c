"""Owners of code objects, for the tracer: torch, Python, netinspect or the user.

`trace_cache/file_owners.py` answers another question: which package a file was installed with.
"""

from __future__ import annotations

import functools
import os
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from netinspect._utils.own_folders import PACKAGE, SAMPLES

_torch = find_spec("torch")  # which does not import it
# With a trailing separator: torchvision is next to torch, and is not part of it.
TORCH = str(Path((_torch and _torch.origin) or "torch").parent) + os.sep
_OURS = f"{PACKAGE}{os.sep}"
_SAMPLES = f"{SAMPLES}{os.sep}"
_STANDARD_LIBRARY = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@functools.lru_cache(maxsize=4096)
def owner(file: str) -> Literal["torch", "ours", "python", "user"]:
    """Return the owner of a code file. Sample models count as the user's code, wherever installed."""
    if file.startswith(TORCH):
        return "torch"
    if file.startswith(_OURS):
        return "user" if file.startswith(_SAMPLES) else "ours"
    if file.startswith("<frozen "):
        return "python"
    if file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _INSTALLED):
        return "python"
    return "user"


@functools.lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Return whether a code file is the user's own, and not that of an installed package."""
    return owner(file) == "user" and not any(part in file for part in _INSTALLED)
