"""Cache key: the request and the environment of a trace."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import netinspect
from netinspect.records.base import record
from netinspect.records.codec import to_data
from netinspect.records.trace import Trace
from netinspect.version import __version__

_TERMINAL = (
    "_ SHLVL PWD OLDPWD COLUMNS LINES TERM TERM_PROGRAM TERM_PROGRAM_VERSION TERM_SESSION_ID COLORTERM "
    "WINDOWID TMUX TMUX_PANE STY SSH_TTY SSH_CLIENT SSH_CONNECTION SSH_AUTH_SOCK XDG_SESSION_ID "
    "VTE_VERSION NO_COLOR FORCE_COLOR PAGER LESS DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS "
    "VIRTUAL_ENV_PROMPT PS1 LS_COLORS"
)
_OPTIONS = "CACHE FORMAT COLOR WIDTH DEPTH DEBUG CONFIG INPUT BATCH SEED TENSORS DEVICE SYMBOLIC ONLINE"
HARMLESS_VARIABLES = frozenset(
    (*_TERMINAL.split(), *(f"NETINSPECT_{name}" for name in _OPTIONS.split()))
)
"""Environment variables that differ between terminals, and do not affect a model.

All others are part of the key. A user file that mentions one of these is never cached.
"""

_ACCELERATORS = ("nvidia", "kfd", "dri", "accel", "davinci", "habanalabs")
_LITERALS = (str, bytes, int, float, complex, bool, type(None))


@record
class CacheKey:
    """Request of a trace; equal keys have equal traces as long as no dependency changes."""

    target: str
    """As typed; the trace repeats it."""

    kind: str
    place: str
    name: str | None
    """Parsed target; see `Target`."""

    inputs: tuple[str, ...] = ()
    inputs_from: str | None = None
    input_files: tuple[str, ...] = ()
    batch: int | None = None
    seed: int = 0
    constructor: str = "{}"
    run_file: bool = False
    on: str = "auto"
    run: bool = True
    everything: bool = False
    training: bool = False
    grad: bool = False
    values: bool = False
    stats: bool = False
    symbolic: tuple[str, ...] = ()

    def files(self) -> tuple[str, ...]:
        """Return the paths that determine the target; some may not exist."""
        if self.kind == "library":
            name = self.name or ""
            return (self.target, name, os.path.join(name, "config.json"), *self._input_paths())
        return ((self.place,) if self.kind != "dotted" else (self.target,)) + self._input_paths()

    def _input_paths(self) -> tuple[str, ...]:
        # Compiled code reads some of them, which raises no audit events.
        return tuple(path for text in self.input_files for path in (text, text.rpartition("=")[2]))

    def without_forward(self) -> CacheKey | None:
        """Return the key of the trace without a forward; None if it cannot be derived from this one."""
        if not self.run or self.grad or self.values or self.stats or self.inputs_from is not None:
            return None
        return replace(self, run=False, inputs=(), input_files=(), batch=None, symbolic=())

    def key(self, environment: str) -> str:
        """Return the digest that names the cache entry, in hexadecimal."""
        return digest([environment, to_data(self)])


def format_model_args(arguments: Mapping[str, Any]) -> str | None:
    """Format the arguments of a class unambiguously; None if one is not a literal.

    The order is significant: a function with `**kwargs` may iterate over them.
    """
    return repr(dict(arguments)) if all(map(_is_literal, arguments.values())) else None


def _is_literal(value: Any, depth: int = 0) -> bool:
    if type(value) in _LITERALS:
        return True
    if depth > 20:
        return False
    if type(value) in (tuple, list, set):
        return all(_is_literal(each, depth + 1) for each in value)
    return type(value) is dict and all(
        _is_literal(key, depth + 1) and _is_literal(each, depth + 1) for key, each in value.items()
    )


def environment() -> str:
    """Return a digest of the environment, which may change the trace of any request.

    It covers the version of netinspect, Python and its flags, the machine, the import path, the current
    folder and the environment variables.

    Raises:
        OSError: There is no current folder.
    """
    return digest(
        [
            __version__,
            Trace.schema,
            Trace.schema_version,
            os.path.dirname(netinspect.__file__),
            sys.version,
            sys.executable,
            sys.prefix,
            sys.base_prefix,
            repr(sys.flags),
            sys.warnoptions,
            sorted(f"{key}={value}" for key, value in sys._xoptions.items() if key != "importtime"),
            sys.path,
            os.getcwd(),
            _machine(),
            os.cpu_count(),
            _usable_processors(),
            _accelerators(),
            sorted(pair for pair in os.environ.items() if pair[0] not in HARMLESS_VARIABLES),
        ]
    )


def _machine() -> list[str]:
    return list(os.uname()) if hasattr(os, "uname") else [sys.platform]


def _usable_processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else 0


def _accelerators() -> list[str]:
    """Return the devices that affect `torch.cuda.is_available()`."""
    try:
        return sorted(name for name in os.listdir("/dev") if name.startswith(_ACCELERATORS))
    except OSError:
        return []


def digest(value: Any) -> str:
    """Return a digest of data, in hexadecimal."""
    text = json.dumps(value, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
