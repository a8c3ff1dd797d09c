"""Option `--watch`: the command runs again when a file changes that the last run has read.

Each run is a forked child of a process that has imported neither torch nor user code, so that changed
code is imported again. The child reports the files that it has read through a temporary file.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from netinspect._utils import opened_files, process
from netinspect._utils.code_owners import is_users
from netinspect.cli.console import is_terminal, print_message, wants_color
from netinspect.cli.streams import result_stream
from netinspect.errors import ExitCode, UsageError

OPTION = "--watch"

_PAUSE = 0.2
"""Seconds between two checks of the files."""

_CLEAR = "\x1b[2J\x1b[H"
_NAMED = 3
"""Maximum number of files that the status line names."""

_State = tuple[int, int, int] | None
"""Modification time, size and inode of a file; None if it does not exist."""

_is_accepted = False
"""True if the command of this run can be watched."""

_report: IO[str] | None = None
"""The file for the report of this run; None in a process that does not watch."""


def is_watched() -> bool:
    """Return whether this process is one of the runs of a watched command."""
    return _report is not None


def accept(output: Path | None, save: Path | None, arguments: Sequence[str]) -> None:
    """Check that a command can be watched, and report that its options are valid.

    Args:
        output: File of the view.
        save: File of the trace.
        arguments: The arguments of the command.

    Raises:
        UsageError: The output is not a terminal, or there is nothing to watch.
    """
    if not is_terminal(result_stream()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            f"{OPTION} shows each result on a terminal, but stdout is not one",
            hint=f"leave {OPTION} out, or run the command without a pipe",
        )
    if file := output or save:
        raise UsageError(
            f"{OPTION} shows each result on the terminal, but {file} is to be written",
            hint=f"leave {OPTION} or the file out",
        )
    if "-" in arguments:
        raise UsageError(f"{OPTION} needs files, but - is stdin", hint="name a file")
    if _report is None:
        raise UsageError(
            f"{OPTION} needs a process of its own, on a system with fork",
            hint=f"run netinspect in a terminal, or leave {OPTION} out",
        )
    global _is_accepted
    _is_accepted = True


def report_files() -> None:
    """Report the files that this run has read."""
    if _report is not None and _is_accepted:
        print(json.dumps([*_read_files()]), file=_report, flush=True)


def run_on_changes() -> None:
    """Fork for each run, and return in the child only; the parent ends with the last exit code.

    Raises:
        SystemExit: In the parent: the command cannot be watched.
        KeyboardInterrupt: In the parent: Ctrl-C was typed.
    """
    global _report
    if not hasattr(os, "fork"):
        return
    states: dict[str, _State] = {}
    while True:
        started = time.time_ns()
        _report = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        if (child := _fork()) == 0:
            return
        code = _wait(child)
        files = _read_report(_report)
        _report.close()
        _report = None
        if files is None and not states:
            sys.exit(code)  # wrong usage, or the first run was killed
        # A file that the run itself has written has not changed; code is compared with its state before.
        states = {
            each: states.get(each, _state_before(each, started)) if _is_code(each) else _state(each)
            for each in {**states, **dict.fromkeys(files or ())}
        }
        if not states:
            print_message(f"note: {OPTION} ends: the run read no file of yours")
            sys.exit(code)
        message = f"watching {_format_files(states)}; Ctrl-C ends it"
        print_message(message, style="2" if wants_color(sys.stderr) else "")
        states = _wait_for_change(states)
        with suppress(OSError, ValueError):
            sys.stdout.write(_CLEAR)
            sys.stdout.flush()


def _fork() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    process.goes_on_in_child = True
    try:
        return os.fork()
    finally:
        process.goes_on_in_child = False


def _wait(child: int) -> int:
    """Wait for a run, which Ctrl-C ends too; return its exit code."""
    interrupted = False
    while True:
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted or code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return code if code >= 0 else 128 - code


def _read_report(report: IO[str]) -> list[str] | None:
    """Return the files that a run has read; None if it was not accepted, or killed."""
    report.seek(0)
    lines = report.read().splitlines()
    return [each for line in lines for each in json.loads(line)] if lines else None


def _is_code(file: str) -> bool:
    return file.endswith(".py")


def _read_files() -> Iterator[str]:
    """Yield the user's own files among those that this process has opened."""
    own = (sys.prefix + os.sep, "/proc/", "/sys/", "/dev/", "/usr/", "/etc/", _cache_folder())
    for path in opened_files.opened_paths():
        is_own = os.path.isabs(path) and is_users(path) and not path.startswith(own)
        if is_own and not path.endswith((".pyc", ".so")) and os.path.isfile(path):
            yield path


def _cache_folder() -> str:
    from netinspect.trace_cache.store import find_store

    store = find_store()
    return f"{os.devnull if store is None else store.folder}{os.sep}"


def _state(file: str) -> _State:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _state_before(file: str, started: int) -> _State:
    """Return the state of a file before the run, which is unknown if it has changed since."""
    state = _state(file)
    return None if state is not None and state[0] > started else state


def _wait_for_change(states: dict[str, _State]) -> dict[str, _State]:
    """Wait until a file changes and no more is written; return the states then."""
    before = states
    while True:
        time.sleep(_PAUSE)
        now = {each: _state(each) for each in states}
        # Editors remove a file, or write it in parts: wait until it is complete.
        if now != states and now == before:
            return now
        before = now


def _format_files(files: Iterable[str]) -> str:
    """Return the names of the files, code first."""
    names = [os.path.relpath(each) for each in sorted(files, key=lambda each: not _is_code(each))]
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more files" if len(names) > _NAMED else shown
