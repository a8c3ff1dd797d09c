"""Cache key: the request and the environment of a run."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any

from netinspect._utils.own_folders import PACKAGE
from netinspect.records.codec import to_data
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from netinspect.version import __version__

_TERMINAL = (
    "_ SHLVL PWD OLDPWD COLUMNS LINES TERM TERMINFO TERMINFO_DIRS COLORTERM COLORFGBG CLICOLOR "
    "CLICOLOR_FORCE NO_COLOR FORCE_COLOR FORCE_HYPERLINK TTY_COMPATIBLE TTY_INTERACTIVE PAGER "
    "MANPAGER GIT_PAGER LESS WINDOWID DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS XAUTHORITY "
    "DESKTOP_STARTUP_ID XDG_ACTIVATION_TOKEN XDG_SESSION_ID XDG_SESSION_TYPE XDG_VTNR XDG_SEAT "
    "INVOCATION_ID JOURNAL_STREAM GPG_TTY SSH_TTY SSH_CLIENT SSH_CONNECTION SSH_AUTH_SOCK "
    "SSH_AGENT_PID STY WINDOW GIT_ASKPASS SHELL_SESSION_ID PROFILEHOME LC_TERMINAL "
    "LC_TERMINAL_VERSION SECURITYSESSIONID TILIX_ID GUAKE_TAB_UUID ANSICON INSIDE_EMACS VIM_TERMINAL "
    "NVIM NVIM_LISTEN_ADDRESS __CFBundleIdentifier VIRTUAL_ENV_PROMPT CONDA_PROMPT_MODIFIER "
    "PROMPT_COMMAND PS1 PS2 LS_COLORS"
)
_TERMINAL_PREFIXES = (
    *("TERM_", "TERMINAL_", "TMUX", "ZELLIJ", "VTE_", "GNOME_TERMINAL_", "KITTY_", "KONSOLE_", "HIST"),
    *("ALACRITTY_", "GHOSTTY_", "WEZTERM_", "XTERM_", "ITERM_", "WT_", "ConEmu", "TERMINATOR_"),
    *("WARP_", "VSCODE_", "STARSHIP_"),
)
"""Prefixes of the variables of terminals, multiplexers, editors and prompts."""

_OPTIONS = (
    "CACHE FORMAT COLOR WIDTH DEPTH DEBUG CONFIG INPUT BATCH SEED TENSORS DEVICE SYMBOLIC ONLINE PAGER "
    "HINTS STDIN_LIMIT"
)
_COMPLETION = (
    "_NETINSPECT_COMPLETE _TYPER_COMPLETE_ARGS _TYPER_COMPLETE_FISH_ACTION "
    "_TYPER_COMPLETE_WORD_TO_COMPLETE COMP_WORDS COMP_CWORD COMP_LINE COMP_POINT COMP_TYPE COMP_KEY"
)
"""Variables of a shell that asks for completions, which may come from a cached trace."""

_HARMLESS_VARIABLES = frozenset(
    (*_TERMINAL.split(), *_COMPLETION.split(), *(f"NETINSPECT_{name}" for name in _OPTIONS.split()))
)
"""Environment variables that differ between terminals, or whose effect is in the request. All others are
part of the key, since Python cannot report which variables a model reads."""

_ACCELERATORS = ("nvidia", "kfd", "dri", "accel", "davinci", "habanalabs")


def cache_key(kind: str, request: Any, around: str | None) -> str:
    """Return the name of a cache entry, in hexadecimal.

    Args:
        kind: The kind of result.
        request: The request, as a record.
        around: The environment; see `environment`.
    """
    return _digest([kind, around, to_data(request)])


def request_files(request: TraceRequest) -> tuple[str, ...]:
    """Return the absolute paths that determine the target and the inputs; some may not exist."""
    target = request.target
    assert target is not None
    if target.kind == "library":
        name = target.name or ""
        files = [target.text, name, os.path.join(name, "config.json")]
    else:
        files = [target.text if target.kind == "dotted" else target.place]
    for text in request.input_files:  # compiled code reads some of them, which raises no audit events
        files += (text, text.rpartition("=")[2])
    return tuple(map(os.path.abspath, files))


def environment() -> str:
    """Return a digest of the environment, which may change the result of any request.

    It covers the version of netinspect, Python and its flags, the machine, the import path, the current
    folder and the environment variables.

    Raises:
        OSError: There is no current folder.
    """
    return _digest(
        [
            __version__,
            Trace.schema,
            Trace.schema_version,
            str(PACKAGE),
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
            sorted(pair for pair in os.environ.items() if not _is_harmless(pair[0])),
        ]
    )


def _is_harmless(variable: str) -> bool:
    return variable in _HARMLESS_VARIABLES or variable.startswith(_TERMINAL_PREFIXES)


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


def _digest(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
