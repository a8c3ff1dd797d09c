"""Pager for output that is longer than the terminal, chosen and run as git does."""

from __future__ import annotations

import os
import re
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from netinspect.cli.console import is_interactive, terminal_width, write_out
from netinspect.cli.options import SETTINGS
from netinspect.cli.streams import result_stream
from netinspect.cli.watch import is_watched

_DEFAULT = "less"
_VARIABLES = {"LESS": "FRX", "LV": "-c", "LESSCHARSET": "utf-8"}
"""Variables of the pager, unless they are set: `less` shows colour, and quits if the text fits."""

_NOT_RUN = (126, 127)
"""Exit codes of the shell for a command that cannot be run, or was not found."""

_SHELL = re.compile(r"[|&;<>()$`\\\"' \t\n*?\[#~=%]")
"""Characters with which a command is more than the name of a program."""

_LINK = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")
_ESCAPE = re.compile(rf"\x1b\[[0-9;]*m|{_LINK.pattern}")


def pager_command(environment: Mapping[str, str]) -> str | None:
    """Return the command of the pager; None if output is printed without one.

    NETINSPECT_PAGER takes precedence over the user's setting, and that over PAGER.

    Args:
        environment: Environment variables.
    """
    candidates = (
        environment.get("NETINSPECT_PAGER"),
        SETTINGS.get().values.get("pager"),
        environment.get("PAGER"),
    )
    command = next((each for each in candidates if each is not None), _DEFAULT).strip()
    return None if command in ("", "cat") else command


def is_found(command: str) -> bool:
    """Return whether the program of a pager exists; the shell finds that out of a longer command."""
    import shutil

    return _SHELL.search(command) is not None or shutil.which(command) is not None


def show_long(text: str) -> None:
    """Write text to stdout, in the pager if it is longer than the terminal."""
    command = pager_command(os.environ)
    if is_watched() or command is None or not is_interactive() or _fits(text) or not _run(command, text):
        write_out(text)


def _fits(text: str) -> bool:
    """Return whether the text and a prompt fit the terminal."""
    stream = result_stream()
    try:
        rows = os.get_terminal_size(stream.fileno()).lines  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return True
    width = max(1, terminal_width(stream))
    lines = (len(_ESCAPE.sub("", line)) for line in text.splitlines())
    return sum(max(1, -(-length // width)) for length in lines) < (rows or 24)


def _run(command: str, text: str) -> bool:
    """Show text in the pager until it ends; return False if the pager cannot be run."""
    import subprocess

    stream = result_stream()
    assert stream is not None
    if not is_found(command):
        return False
    if not os.environ.get("FORCE_HYPERLINK"):
        text = _LINK.sub("", text)  # pagers before less 566 print the addresses
    encoding = getattr(stream, "encoding", None) or "utf-8"
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    environment = {**(_VARIABLES if is_utf8 else {"LESS": _VARIABLES["LESS"]}), **os.environ}
    stream.flush()
    with _interrupts_for_pager():
        try:
            pager = subprocess.Popen(
                shlex.split(command) if _SHELL.search(command) is None else ["/bin/sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=stream,
                env=environment,
            )
        except (OSError, ValueError):
            return False
        with suppress(OSError):  # the pager was quit
            pager.communicate(text.encode(encoding, "backslashreplace"))
        return pager.wait() not in _NOT_RUN


@contextmanager
def _interrupts_for_pager() -> Iterator[None]:
    """Leave Ctrl-C to the pager, which stops a search or a long output by it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Not SIG_IGN, which the pager would inherit.
    former = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
