"""Target `-`: a saved trace or a checkpoint that is read from stdin into a temporary file."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from functools import partial
from typing import IO, Any

from netinspect._utils import process, units
from netinspect.cli.console import is_terminal
from netinspect.cli.progress import live_line
from netinspect.errors import UsageError
from netinspect.records.request import Target

TARGET = "-"
NAME = "<stdin>"
"""Name of the target in titles and messages."""

LIMIT_VARIABLE = "NETINSPECT_STDIN_LIMIT"
DEFAULT_LIMIT = "4GiB"
"""Limit of stdin, which a temporary file holds; other targets are read where they are."""

_PIECE = 1 << 20
_HINT = (
    f"netinspect trace net.py:Net --save - | netinspect summary {TARGET}\n"
    f"netinspect summary {TARGET} < model.safetensors"
)

_spools: list[IO[bytes]] = []
"""Temporary files of this command."""


def remove_spools() -> None:
    """Remove the temporary files of the last command."""
    while _spools:
        file = _spools.pop()
        file.close()
        if isinstance(file.name, str):
            with suppress(OSError):
                os.unlink(file.name)


def spool_stdin(*, quiet: bool) -> str:
    """Copy stdin to a private temporary file, and return its path.

    Args:
        quiet: Show no progress.

    Raises:
        UsageError: Stdin is a terminal, closed, empty, too long or was read before, or the disk is full.
    """
    if _spools:
        raise UsageError(f"{TARGET} was given twice, but stdin can be read only once")
    if sys.stdin is None or is_terminal(sys.stdin):
        state = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(
            f"{TARGET} reads a saved trace or a checkpoint from stdin, which is {state}", hint=_HINT
        )
    limit = _limit()
    # Without a name on Linux, so that it disappears even if the process is killed.
    is_nameless = sys.platform == "linux" and os.path.isdir("/proc/self/fd")
    # Elsewhere it is closed before it is read: Windows does not open a file twice that a close removes.
    named = partial(tempfile.NamedTemporaryFile, delete=False)
    make: Any = tempfile.TemporaryFile if is_nameless else named
    try:
        _spools.append(file := make(prefix="netinspect-"))
        length = _copy(file, limit, quiet=quiet)
        file.flush()
    except OSError as error:
        raise UsageError(
            "cannot store stdin in a temporary file",
            cause=error.strerror or str(error),
            hint=f"make room in {tempfile.gettempdir()}, or set TMPDIR to another folder",
        ) from error
    if length == 0:
        raise UsageError("stdin is empty", hint="the command before the pipe wrote nothing")
    # A report with the time of the file would differ each time.
    if is_nameless:
        os.utime(file.fileno(), (0, 0))
        return f"/proc/self/fd/{file.fileno()}"
    file.close()
    os.utime(file.name, (0, 0))
    return str(file.name)


def stdin_target(*, quiet: bool) -> Target:
    """Read stdin, and return it as a target; Python code in it is never executed.

    Raises:
        UsageError: Stdin cannot be read; see `spool_stdin`.
    """
    from netinspect.targets.target import stored_target

    return stored_target(spool_stdin(quiet=quiet), NAME)


def _limit() -> int:
    from netinspect._utils.sizes import read_size

    return read_size(os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT)


def _copy(file: IO[bytes], limit: int, *, quiet: bool) -> int:
    """Copy stdin to a file, and return its length in bytes."""
    length = 0
    stream: Any = sys.stdin.buffer
    with live_line(quiet=quiet):
        while piece := stream.read1(_PIECE):
            length += len(piece)
            if length > limit:
                raise UsageError(
                    f"stdin is longer than the limit of {units.size(limit)}",
                    hint=f"save it to a file and name that, or raise {LIMIT_VARIABLE}, such as to 16GiB",
                )
            file.write(piece)
            process.begin_phase(f"reading stdin: {units.size(length)}")
    return length
