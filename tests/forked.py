"""Processes of the command line that are forked from one which has imported torch, and waits.

Each has its own arguments, environment, current folder, streams, terminal and end, as if Python were
started anew; only the imports, most of what a short command costs, are done before. Tests of start-up,
of imports, and of variables that Python or torch read when they start use the fixture `installed`.

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
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

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


def _start(
    words: Sequence[str],
    streams: Sequence[int],
    env: Mapping[str, str],
    cwd: Path | None,
    anew: bool = False,
) -> Callable[[], int]:
    """Start a process with three streams, or one terminal; return the function that waits for it."""
    is_forked = FORKS and not anew
    folder = str(cwd or Path.cwd())
    if is_forked:
        request = {"words": list(words), "environment": dict(env), "folder": folder}
        socket.send_fds(_server(), [json.dumps(request).encode()], streams)
    else:
        process = subprocess.Popen(
            [sys.executable, "-m", "netinspect", *words],
            stdin=streams[0],
            stdout=streams[len(streams) // 2],
            stderr=streams[-1],
            start_new_session=len(streams) == 1,
            env=env,
            cwd=folder,
        )
    for each in streams:
        os.close(each)
    return (lambda: int(_server().recv(64))) if is_forked else (lambda: process.wait(PATIENCE))


def run(
    *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, input: str = ""
) -> Outcome:
    """Run the command line with pipes, as the fixture `installed` does."""
    pipes = [os.pipe() for _ in range(3)]
    (its_in, our_in), (our_out, its_out), (our_err, its_err) = pipes
    exit_code = _start(words, (its_in, its_out, its_err), {**os.environ, **(env or {})}, cwd)
    received = {}

    def read(descriptor: int) -> None:
        with open(descriptor, encoding="utf-8") as stream:
            received[descriptor] = stream.read()

    readers = [threading.Thread(target=read, args=(each,)) for each in (our_out, our_err)]
    for each in readers:
        each.start()
    with suppress(BrokenPipeError), open(our_in, "w", encoding="utf-8") as stream:
        stream.write(input)
    code = exit_code()
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
    exit_code = _start(words, [its], {**calm, "TERM": "xterm-256color", **(env or {})}, cwd, anew)
    shown = b""
    with suppress(OSError), open(ours, "rb", buffering=0) as stream:  # EIO: nobody has it open any more
        while piece := stream.read(1 << 16):
            shown += piece
    return Outcome(exit_code(), shown.decode().replace("\r\n", "\n"), "")


def _serve(connection: socket.socket) -> list[str] | None:
    """Answer requests; return the words in each fork, and None at the end."""
    while True:
        message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            return None
        if (child := os.fork()) == 0:
            connection.close()
            return _become(json.loads(message), streams)
        for each in streams:
            os.close(each)
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> list[str]:
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
    return list(request["words"])


def _main() -> None:
    for each in IMPORTED:
        __import__(each)
    gc.freeze()
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    if words is not None:
        sys.argv = ["netinspect", *words]
        runpy.run_module("netinspect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
