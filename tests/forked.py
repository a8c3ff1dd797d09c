"""Processes of the command line and of its memory tracker, forked from one that has imported torch.

Each has its own arguments, environment, current folder, streams, terminal and end, as if Python were
started anew; only the imports, most of what a short command costs, are done before. So the trace cache
does not answer, which has to know all that was imported. Tests of it, of start-up, of imports, and of
variables that Python or torch read when they start use the fixture `installed`.

`START_ANEW=1 pytest` starts Python anew for each, as it is done outside Linux.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import pty
import runpy
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from typing import IO, Any, Self

from tests.support import PATIENCE, Outcome

FORKS = sys.platform == "linux" and "START_ANEW" not in os.environ

ROOT = Path(__file__).parents[1]

IMPORTED = (
    "torch.utils.flop_counter",
    "netinspect.analysis.diagnosis.diagnose",
    "netinspect.api._views",
    "netinspect.cli.app",
    "netinspect.cli.summary",
    "netinspect.inputs.infer.attempts",
    "netinspect.inputs.infer.remedies",
    "netinspect.memory_tracker.session",
    "netinspect.rendering.failure",
    "netinspect.reports.render",
    "netinspect.reports.summary.layout",
    "netinspect.runner.loading",
    "netinspect.runner.trace_target",
    "netinspect.trace_cache.lookup",
    "netinspect.tracing.capture",
)
"""What a command on a model imports, and takes time."""


@cache
def _server() -> socket.socket:
    """Start the process that waits; it ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", str(its.fileno())],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
    )
    its.close()

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    ours.settimeout(PATIENCE)
    return ours


class Process:
    """Process with three streams, or one terminal, which are closed here.

    Args:
        words: The command line.
        streams: Descriptors.
        env: All variables.
        cwd: The current folder; None for that of this process.
        code: Python code to run instead of the command line.
        anew: Whether Python is started anew.
    """

    def __init__(
        self,
        words: Sequence[str],
        streams: Sequence[int],
        env: Mapping[str, str],
        cwd: Path | None = None,
        code: str = "",
        *,
        anew: bool = False,
    ) -> None:
        self.returncode: int | None = None
        folder = str(cwd or Path.cwd())
        self._started: subprocess.Popen[bytes] | None = None
        if FORKS and not anew:
            request = {"words": list(words), "environment": dict(env), "folder": folder, "code": code}
            socket.send_fds(_server(), [json.dumps(request).encode()], streams)
            self.pid = int(_server().recv(64))
        else:
            self._started = subprocess.Popen(
                [sys.executable, *(("-P", "-c", code) if code else ("-m", "netinspect")), *words],
                stdin=streams[0],
                stdout=streams[len(streams) // 2],
                stderr=streams[-1],
                start_new_session=len(streams) == 1,
                env=env,
                cwd=folder,
            )
            self.pid = self._started.pid
        for each in streams:
            os.close(each)

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        if self.returncode is None:
            self.returncode = (
                int(_server().recv(64)) if self._started is None else self._started.wait(PATIENCE)
            )
        return self.returncode


class PipedProcess(Process):
    """Process that runs code, with pipes as `subprocess.Popen` has them, and a file for stderr."""

    def __init__(self, code: str, stderr: IO[str]) -> None:
        (its_in, our_in), (our_out, its_out) = os.pipe(), os.pipe()
        self.stdin = open(our_in, "w", encoding="utf-8")  # noqa: SIM115
        self.stdout = open(our_out, encoding="utf-8", errors="replace")  # noqa: SIM115
        super().__init__((), (its_in, its_out, os.dup(stderr.fileno())), os.environ, code=code)

    def kill(self) -> None:
        """End it if it has not ended."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        self.wait()


def track_in_forks(
    start: Callable[[Sequence[str], IO[str]], Any],
) -> Callable[[Sequence[str], IO[str]], Any]:
    """Return a function that starts what tracks memory, like `start`, as a fork."""

    @wraps(start)
    def fork(command: Sequence[str], stderr: IO[str]) -> Any:
        if not FORKS or command[:3] != [sys.executable, "-P", "-c"]:
            return start(command, stderr)
        return PipedProcess(command[3], stderr)

    return fork


def run(
    *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, input: str = ""
) -> Outcome:
    """Run the command line with pipes, as the fixture `installed` does."""
    pipes = [os.pipe() for _ in range(3)]
    (its_in, our_in), (our_out, its_out), (our_err, its_err) = pipes
    process = Process(words, (its_in, its_out, its_err), {**os.environ, **(env or {})}, cwd)
    received = {}

    def read(descriptor: int) -> None:
        with open(descriptor, encoding="utf-8") as stream:
            received[descriptor] = stream.read()

    readers = [threading.Thread(target=read, args=(each,)) for each in (our_out, our_err)]
    for each in readers:
        each.start()
    with suppress(BrokenPipeError), open(our_in, "w", encoding="utf-8") as stream:
        stream.write(input)
    code = process.wait()
    for each in readers:
        each.join()
    return Outcome(code, received[our_out], received[our_err])


def on_a_terminal(
    *words: str,
    columns: int,
    lines: int = 30,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    anew: bool = False,
) -> Outcome:
    """Run the command line on a terminal of that size, outside a CI; `out` is that of both streams.

    Python is started anew if asked for.
    """
    calm = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "CI")}
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (lines, columns))
    calm |= {"TERM": "xterm-256color", **(env or {})}
    process = Process(words, [its], calm, cwd, anew=anew)
    shown = b""
    with suppress(OSError), open(ours, "rb", buffering=0) as stream:  # EIO: nobody has it open any more
        while piece := stream.read(1 << 16):
            shown += piece
    return Outcome(process.wait(), shown.decode().replace("\r\n", "\n"), "")


def _serve(connection: socket.socket) -> dict[str, Any] | None:
    """Answer requests; return one in each fork, and None at the end."""
    while True:
        message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            return None
        if (child := os.fork()) == 0:
            connection.close()
            request: dict[str, Any] = json.loads(message)
            _become(request, streams)
            return request
        connection.send(str(child).encode())
        for each in streams:
            os.close(each)
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Take over what a process has from its parent."""
    if len(streams) == 1:
        os.login_tty(streams[0])
    else:
        for number, each in enumerate(streams):
            os.dup2(each, number)
            os.close(each)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        raw = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            raw,
            encoding="utf-8",
            errors="backslashreplace" if name == "stderr" else "strict",
            line_buffering=name == "stderr" or raw.isatty(),
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _main() -> None:
    for each in IMPORTED:
        __import__(each)
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    sys.argv = ["netinspect", *request["words"]]
    if request["code"]:
        del sys.path[0]
        exec(request["code"], {"__name__": "__main__"})
    else:
        runpy.run_module("netinspect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
