"""Progress of long reads: one line on a terminal's stderr, removed at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from netinspect._utils import units
from netinspect.cli.console import is_terminal
from netinspect.cli.options import OutputOptions

_PATIENCE = 0.5
"""Seconds before progress is shown; most reads end earlier."""

_STEP = 0.1
_CLEAR = "\r\x1b[K"


@contextmanager
def progress_of(what: str, output: OutputOptions) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much has been read.

    Args:
        what: What is read.
        output: Verbosity and format.

    Yields:
        A function of bytes done and total bytes; None if stderr is not a terminal.
    """
    if output.quiet or not is_terminal(sys.stderr):
        yield None
        return
    next_time = time.monotonic() + _PATIENCE
    drawn = False

    def update(done: int, total: int) -> None:
        nonlocal next_time, drawn
        now = time.monotonic()
        if now < next_time or not total:
            return
        next_time, drawn = now + _STEP, True
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{_CLEAR}reading {what}: {100 * done // total} % of {units.size(total)}")
            sys.stderr.flush()

    try:
        yield update
    finally:
        if drawn:
            with suppress(OSError, ValueError):
                sys.stderr.write(_CLEAR)
                sys.stderr.flush()
