"""Parent process that checks that the command finished, and limits the time it takes to exit.

Code of the user's can end its process with any exit code, past Python and past us: `os._exit(0)`,
`exec`, `exit` of the C library. So before such code is run the command goes on in a child, which reports
through a pipe that it is done. The parent ends as the child has reported or died.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from netinspect._utils import process
from netinspect.cli.console import print_message
from netinspect.cli.progress import PERIOD, current_line, draw_in_thread
from netinspect.errors import ForwardError

GRACE = 5
"""Seconds for threads and exit hooks of user code after the result is written."""

TEARDOWN = 30
"""Seconds for Python's own exit after that; with torch it takes long on a busy machine."""

_FROM_TERMINAL = ("SIGINT", "SIGQUIT", "SIGTSTP")
_FORWARDED = {
    getattr(signal, name)
    for name in (*_FROM_TERMINAL, "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCONT")
    if hasattr(signal, name)
}


@dataclass(slots=True)
class _State:
    """Role of this process."""

    worker: int | None = None
    """Process that runs user code; None before it starts."""

    report: int | None = None
    """The descriptor for the report to the parent; None without a parent."""

    exit: Any = None
    """The original `os._exit`, for a process without a parent."""


_state = _State()


def go_on_in_child(target: str) -> None:
    """Fork, and return in the child only. The parent waits for it, and ends in the same way.

    Where the system cannot do that, `os._exit` raises SystemExit meanwhile, which is not all.

    Args:
        target: What is inspected, for the error.

    Raises:
        ForwardError: In the parent: the child ended without having reported.
    """
    if _state.worker is not None:
        _report({"target": target})
        return
    if not hasattr(signal, "sigwaitinfo") or threading.active_count() > 1:
        draw_in_thread()
        _watch_exit()
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        reader, writer = os.pipe()
    except OSError:  # too many files
        _watch_exit()
        return
    parent = os.getpid()
    # From before the fork, so that no signal is lost; the parent takes them one by one.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED | {signal.SIGCHLD})
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process.goes_on_in_child = True
    try:
        child = os.fork()
    except OSError:  # too many processes
        child = -1
    finally:
        process.goes_on_in_child = False
    if child > 0:
        os.close(writer)
        status, received = _wait(child)
        target = _end_as(status, received, reader) or target
    if handler is not None:  # else it was set by compiled code
        signal.signal(signal.SIGCHLD, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(reader)
    if child > 0:
        raise _ended(target, os.waitstatus_to_exitcode(status))
    if child < 0:
        os.close(writer)
        _watch_exit()
        return
    _state.worker, _state.report = os.getpid(), writer
    atexit.register(_hooks_done)  # the first to be registered is the last to be called
    process.die_with_parent()
    if os.getppid() != parent:  # it was killed already
        os._exit(1)


def finish(code: int) -> None:
    """Report that the command is done, and limit the time of what remains at exit.

    Python would wait for ever for a thread, a child process or a hook that does not end.

    Args:
        code: The exit code of the process.
    """
    if _state.worker is None:
        return
    if _state.worker != os.getpid():  # a copy that the user's code has made
        os._exit(code)
    threads = [each for each in threading.enumerate() if not each.daemon]
    names = [str(each.name)[:40] for each in threads if each is not threading.main_thread()]
    if _state.report is None:
        os._exit = _state.exit
        threading.Thread(target=_end_later, args=(code, names), daemon=True).start()
        return
    report = {
        "code": code,
        "threads": names[:3],
        "more": names[3:] != [],
        "processes": process.started_processes(),
    }
    _report(report)
    # The system ends us then, whatever holds Python up.
    with suppress(ValueError, OSError):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, GRACE)


def _hooks_done() -> None:
    """Start the time limit of Python's own exit, after threads and exit hooks of the model."""
    if _state.worker == os.getpid() and signal.getitimer(signal.ITIMER_REAL)[0]:
        _report({"ended": True})
        signal.setitimer(signal.ITIMER_REAL, TEARDOWN)
        if threading.active_count() > 1:
            _end_without_message()


def _end_without_message() -> None:
    """Make C++ end the process quietly instead of aborting it.

    Before 3.14, Python unwinds the stack of each daemon thread that computes when the process ends. Some
    functions of torch forbid that: C++ then prints "terminate called" and aborts the process.
    """
    import ctypes

    with suppress(OSError, AttributeError):  # another C++ library
        set_handler = ctypes.CDLL("libstdc++.so.6")._ZSt13set_terminatePFvvE
        set_handler(ctypes.CDLL(None)._exit)


def _report(entry: dict[str, Any]) -> None:
    """Report to the parent which target is inspected, or that the command is done."""
    if _state.report is not None and _state.worker == os.getpid():
        with suppress(OSError):
            os.write(_state.report, json.dumps(entry).encode() + b"\n")


def _end_later(code: int, names: list[str]) -> None:
    time.sleep(GRACE)
    _note_left(names, [])
    os._exit(code)


def _note_left(threads: list[str], processes: list[int]) -> None:
    started = []
    if threads:
        started.append(f"threads that the model started ({', '.join(threads)})")
    if processes:
        started.append(f"processes that the model started ({', '.join(map(str, processes))})")
    what = " and ".join(started) or "what the model does at exit"
    print_message(f"note: {what} did not end within {GRACE} s after the result; ended anyway")


def _wait(child: int) -> tuple[int, set[int]]:
    """Wait for the child, and forward signals to it; return its status and the signals."""
    received: set[int] = set()
    awaited, line = _FORWARDED | {signal.SIGCHLD}, current_line()
    while True:
        came = signal.sigwaitinfo(awaited) if line is None else signal.sigtimedwait(awaited, PERIOD)
        if came is None:
            try:
                line.draw()  # type: ignore[union-attr]
            except Exception:  # out of memory: the run goes on without the line
                line = None
            continue
        if line is not None:
            line.remove()
        number = came.si_signo
        if number == signal.SIGCHLD:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status, received
            continue
        received.add(number)
        with suppress(OSError):
            is_from_terminal = came.si_code > 0 and signal.Signals(number).name in _FROM_TERMINAL
            # A terminal sends them to the whole group; so the child has them already.
            if not is_from_terminal or os.getpgid(child) != os.getpgrp():
                os.kill(child, number)
        if number == signal.SIGTSTP:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
            os.kill(os.getpid(), number)  # stops here until SIGCONT
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})


def _end_as(status: int, received: set[int], reader: int) -> str | None:
    """End this process as the child ended; return the target if it ended without a report."""
    os.set_blocking(reader, False)  # a copy of the child may hold the other end
    entries = []
    with suppress(OSError, ValueError):
        entries = [json.loads(line) for line in os.read(reader, 1 << 16).splitlines()]
    report = next((each for each in entries if "code" in each), None)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if report is not None and number not in received:
        if number == signal.SIGALRM and any("ended" in each for each in entries):
            print_message(f"note: Python did not end within {TEARDOWN} s after the result; ended anyway")
        elif number == signal.SIGALRM:
            threads = [*report["threads"], *(["..."] if report["more"] else [])]
            _note_left(threads, report["processes"])
            process.end_processes(report["processes"])
        os._exit(report["code"])
    if number:
        _die_of(number)
    return next((each["target"] for each in reversed(entries) if "target" in each), None)


def _die_of(number: int) -> NoReturn:
    """Die of the same signal as the child, so that the caller sees it."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the child has left one, if any is wanted
    with suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _ended(target: str, code: int) -> ForwardError:
    return ForwardError(
        f"{target} ended the process while it was inspected",
        cause=f"exit code {code} without an exception: os._exit, exec, or exit of the C library",
        hint="remove this call from the model, or raise an exception instead",
    )


def _watch_exit() -> None:
    """Make `os._exit` raise SystemExit in this process until the command is done."""
    _state.worker = worker = os.getpid()
    _state.exit = leave = os._exit

    def exit_of_model(code: int) -> NoReturn:
        if os.getpid() != worker:  # a child process, which ends as it likes
            leave(code)
        raise SystemExit(f"os._exit({code})")

    os._exit = exit_of_model  # type: ignore[assignment]
