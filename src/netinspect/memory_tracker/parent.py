"""Parent side of tracking: starts the child process and reads its answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from netinspect._utils.opened_files import note_opened
from netinspect._utils.process import begin_phase
from netinspect.errors import ForwardError, NetinspectError, UsageError
from netinspect.memory_tracker.child import ERRORS, PHASE, PROGRESS
from netinspect.memory_tracker.request import TrackRequest
from netinspect.records.base import replace
from netinspect.records.codec import from_data, to_data
from netinspect.records.memory import Tracking

_ERRORS: dict[str, type[NetinspectError]] = {each.__name__: each for each in ERRORS}
_KILL = int(getattr(signal, "SIGKILL", 9))
_START = (
    "import json, sys; document = json.load(sys.stdin); sys.path.append(document['home']); "
    "from {entry} import main; main(document)"
)
"""Code of the child, run with `python -P`, so that no file in the current folder shadows a module."""


class ChildError(Exception):
    """Exception in the child process; the message is its traceback."""


def ask_child(
    request: TrackRequest,
    *,
    progress: Callable[[str], None] | None = None,
    command: Sequence[str] | None = None,
    entry: str = "netinspect.memory_tracker.child",
    more: Mapping[str, Any] | None = None,
) -> tuple[Tracking, dict[str, Any]]:
    """Track in a child process.

    Torch may crash a process that runs a model without data. Then a second one runs it with values.

    Args:
        request: What to track.
        progress: Receives a line after each tracked run.
        command: Command of the child; None for this Python.
        entry: Module whose `main` answers in the child.
        more: Further data for that module, added to the request.

    Returns:
        The run, and the other entries of the answer.

    Raises:
        NetinspectError: The child reports an error, or ends without an answer.
    """
    command = command or [sys.executable, "-P", "-c", _START.format(entry=entry)]
    out, err, code = _ask(request, progress, command, more or {})
    if code < 0 and code != -_KILL and not request.with_values and not out:
        out, err, code = _ask(replace(request, with_values=True), progress, command, more or {})
    return _read(request, out, err, code)


def _ask(
    request: TrackRequest,
    progress: Callable[[str], None] | None,
    command: Sequence[str],
    more: Mapping[str, Any],
) -> tuple[str, str, int]:
    """Start a process; return its answer, its stderr and its exit code."""
    home = str(Path(__file__).parents[2])
    document = {**more, "request": to_data(request), "path": sys.path, "home": home}
    with _scratch_file() as stderr_file:
        with _start(command, stderr_file) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with suppress(BrokenPipeError), process.stdin as stdin:
                    json.dump(document, stdin)
                out = _listen(process.stdout, progress)
                process.wait()
            finally:
                # Also after Ctrl-C.
                process.kill()
        stderr_file.seek(0)
        err = stderr_file.read()
    return out, err, process.returncode


def _scratch_file() -> IO[str]:
    """Open a file for the child's stderr, because the child would block on a pipe that is not read."""
    try:
        return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
    except OSError:  # no folder for temporary files, or it is full
        return open(os.devnull, "w+", encoding="utf-8")


def _start(command: Sequence[str], stderr_file: IO[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr_file,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise UsageError(
            "cannot start the process that tracks memory",
            cause=error.strerror or str(error),
            hint="raise the limits of processes and open files (ulimit -u, ulimit -n), or call "
            "netinspect.memory(model) from Python, which starts no process",
        ) from error


def _listen(answers: IO[str], progress: Callable[[str], None] | None) -> str:
    """Read all lines, pass on progress, and return the last other line, which is the answer."""
    last = ""
    for line in answers:
        if line.startswith(PROGRESS):
            if progress is not None:
                progress(line.removeprefix(PROGRESS).rstrip("\n"))
        elif line.startswith(PHASE):
            begin_phase(line.removeprefix(PHASE).rstrip("\n"))
        else:
            last = line
    return last


def _read(request: TrackRequest, out: str, err: str, code: int) -> tuple[Tracking, dict[str, Any]]:
    try:
        answer: Any = json.loads(out)
    except ValueError:
        raise _ended(request, err, code) from _child_error(err.strip())
    if "error" in answer:
        raise _ERRORS.get(answer["error"], NetinspectError)(
            answer["message"], cause=answer["cause"], place=answer["place"], hint=answer["hint"]
        ) from _child_error(answer.get("traceback", ""))
    for path in answer.get("opened", ()):
        note_opened(path)
    return from_data(Tracking, answer.pop("tracking")), answer


def _child_error(text: str) -> ChildError | None:
    return ChildError(f"in the tracking process:\n{text}") if text else None


def _ended(request: TrackRequest, err: str, code: int) -> ForwardError:
    """Return the error for a child that ended without an answer."""
    how = f"exit code {code}"
    if code < 0:
        try:
            how = f"signal {signal.Signals(-code).name}"
        except ValueError:
            how = f"signal {-code}"
    lines = [line for line in err.splitlines() if line.strip()][-3:]
    killed = code == -_KILL
    return ForwardError(
        f"the process that tracked the memory of {request.name} ended without an answer",
        cause="\n".join([how, *lines]),
        hint="the system probably killed it because memory ran out; track a smaller model"
        if killed
        else "torch or the target's code ended it; netinspect trace TARGET may show where",
    )
