"""What a look was asked for, and the surroundings it is asked in: together, the key of a kept look."""

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
_OPTIONS = "CACHE FORMAT COLOR WIDTH DEPTH DEBUG CONFIG INPUT BATCH SEED ON ONLINE"
HARMLESS_VARIABLES = frozenset(
    (*_TERMINAL.split(), *(f"NETINSPECT_{name}" for name in _OPTIONS.split()))
)
"""Environment variables that differ from one terminal to the next, and do not make another model.

All others are a part of the key. A file of the user's that names one of these is not cached at all.
"""

_ACCELERATORS = ("nvidia", "kfd", "dri", "accel", "davinci", "habanalabs")
_LITERALS = (str, bytes, int, float, complex, bool, type(None))


@record
class CacheKey:
    """What a look was asked for; the same question has the same answer, as long as nothing changes."""

    target: str
    """As typed; it stands in the answer."""

    kind: str
    place: str
    name: str | None
    """What it was understood as; see `Target`."""

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
        """Paths that decide what the target means, though some may not be there."""
        if self.kind == "library":
            name = self.name or ""
            return (self.target, name, os.path.join(name, "config.json"), *self._input_paths())
        return ((self.place,) if self.kind != "dotted" else (self.target,)) + self._input_paths()

    def _input_paths(self) -> tuple[str, ...]:
        # Some of them are read by compiled code, of whose opening files Python tells nothing.
        return tuple(path for text in self.input_files for path in (text, text.rpartition("=")[2]))

    def without_forward(self) -> CacheKey | None:
        """The question that a look without a forward would ask; None where that is another matter."""
        if not self.run or self.grad or self.values or self.stats or self.inputs_from is not None:
            return None
        return replace(self, run=False, inputs=(), input_files=(), batch=None, symbolic=())

    def key(self, environment: str) -> str:
        """Return the name of its answer, in hexadecimal."""
        return digest([environment, to_data(self)])


def format_model_args(arguments: Mapping[str, Any]) -> str | None:
    """Spell the arguments of a class so that only equal ones are spelled alike; None if not possible.

    Their order counts: a function that takes any may go through them.
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
    """Sum up what may make another look of the same question, and is the same for all models.

    That is this version of netinspect, Python and how it was started, the machine, where imports are
    searched, the current folder and the environment, of which only a digest is kept.

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
    """Name the devices that make `torch.cuda.is_available()` another answer."""
    try:
        return sorted(name for name in os.listdir("/dev") if name.startswith(_ACCELERATORS))
    except OSError:
        return []


def digest(value: Any) -> str:
    """Return a digest of data, in hexadecimal."""
    text = json.dumps(value, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
