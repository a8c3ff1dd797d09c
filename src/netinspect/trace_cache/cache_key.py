"""Cache key: the request and the environment of a trace."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import replace
from typing import Any

from netinspect.records.codec import to_data
from netinspect.records.request import Target, TraceRequest
from netinspect.records.trace import Trace
from netinspect.trace_cache.file_owners import NETINSPECT_FOLDER
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


def cache_key(request: TraceRequest, around: str) -> str:
    """Return the name of a request's cache entry, in hexadecimal.

    Args:
        request: The request; its target is not None.
        around: The environment; see `environment`.
    """
    # A cached trace has the code in any case, and everything else only if forward is not needed.
    everything = request.everything and not request.run
    return digest([around, to_data(replace(request, code=False, everything=everything))])


def target_files(target: Target) -> tuple[str, ...]:
    """Return the paths that determine what a target names; some may not exist."""
    if target.kind == "library":
        name = target.name or ""
        return (target.text, name, os.path.join(name, "config.json"))
    return (target.place,) if target.kind != "dotted" else (target.text,)


def request_files(request: TraceRequest) -> tuple[str, ...]:
    """Return the paths that determine the target and the inputs; some may not exist."""
    assert request.target is not None
    # Compiled code reads some of the inputs, which raises no audit events.
    inputs = (path for text in request.input_files for path in (text, text.rpartition("=")[2]))
    return (*target_files(request.target), *inputs)


def without_forward(request: TraceRequest) -> TraceRequest | None:
    """Return the request of the trace without a forward; None if it cannot be derived from this one."""
    needs_forward = request.backward or request.values or request.stats
    if not request.run or needs_forward or request.inputs_from is not None:
        return None
    return replace(request, run=False, inputs=(), input_files=(), batch=None, symbolic=())


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
            NETINSPECT_FOLDER,
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
