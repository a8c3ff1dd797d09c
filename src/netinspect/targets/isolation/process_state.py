"""Process state that project code may change during its import, restored afterwards."""

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
    """Restore at the end of the block the process state that scripts change.

    It consists of `sys.path`, `sys.argv`, the standard streams, the current folder, the environment,
    warning filters, signal handlers, hooks and the recursion limit of Python, and of the defaults, the
    gradient mode and the global flags of torch.
    """
    path, argv, current = [*sys.path], [*sys.argv], current_folder()
    streams = sys.stdout, sys.stderr
    environment = dict(os.environ)
    hooks = {name: getattr(sys, name) for name in _HOOKS}
    recursion_limit = sys.getrecursionlimit()
    handlers = _handlers()
    try:
        # Inside the block, torch defaults that the project sets apply to its model.
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
    """Restore torch's defaults, gradient mode and global flags, if torch is imported."""
    if "torch" not in sys.modules:
        yield
        return
    import torch

    from netinspect.tracing.snapshot.model_snapshot import preserved_defaults
    from netinspect.tracing.snapshot.process_flags import preserved_flags

    with preserved_defaults(), preserved_flags(), torch.set_grad_enabled(torch.is_grad_enabled()):
        yield


def _handlers() -> dict[signal.Signals, Any]:
    """Return the signal handlers that can be restored: those set in Python, in the main thread."""
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
