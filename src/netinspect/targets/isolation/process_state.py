"""The process around a project's code: what its top-level lines change is as before afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from netinspect._utils.process import keep_alive

_HOOKS = ("excepthook", "unraisablehook", "displayhook")
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2")


@contextmanager
def preserved_process() -> Iterator[None]:
    """Put back at the end what scripts change in their process.

    That is `sys.path`, `sys.argv`, the standard streams, the current folder, the environment, warning
    filters, signal handlers, hooks and the recursion limit of Python; defaults, gradient mode and
    switches of torch.
    """
    path, argv, current = [*sys.path], [*sys.argv], current_folder()
    streams = sys.stdout, sys.stderr
    environment = dict(os.environ)
    hooks = {name: getattr(sys, name) for name in _HOOKS}
    recursion_limit = sys.getrecursionlimit()
    handlers = _handlers()
    try:
        # What the project sets as torch's defaults holds for its model, as in a script.
        with _preserved_torch(), warnings.catch_warnings():
            yield
    finally:
        sys.path[:], sys.argv[:] = path, argv
        if sys.stdout is not streams[0] or sys.stderr is not streams[1]:
            keep_alive(sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = streams
        if current is not None and current_folder() != current:
            with suppress(OSError):
                os.chdir(current)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        for name, hook in hooks.items():
            setattr(sys, name, hook)
        if sys.getrecursionlimit() != recursion_limit:
            with suppress(RecursionError):
                sys.setrecursionlimit(recursion_limit)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def _preserved_torch() -> Iterator[None]:
    """Put back torch's defaults, gradient mode and switches, if torch is there."""
    if "torch" not in sys.modules:
        yield
        return
    import torch

    from netinspect.tracing.snapshot.model_snapshot import preserved_defaults
    from netinspect.tracing.snapshot.process_flags import preserved_switches

    with preserved_defaults(), preserved_switches(), torch.set_grad_enabled(torch.is_grad_enabled()):
        yield


def _handlers() -> dict[signal.Signals, Any]:
    """Return the signal handlers that can be put back: those of the main thread, set in Python."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in handlers.items() if handler is not None}


def current_folder() -> str | None:
    """Return the current folder; None if it was removed."""
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None
