"""How far a long reading is: one line on stderr, where that is a terminal, gone when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from netinspect._utils import units
from netinspect.cli.console import is_terminal
from netinspect.cli.options import OutputOptions

_PATIENCE = 0.5
"""Seconds before anything is said: most readings are done by then."""

_STEP = 0.1
_CLEAR = "\r\x1b[K"


@contextmanager
def progress_of(what: str, output: OutputOptions) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much has been read.

    Args:
        what: What is read.
        output: How much to say.

    Yields:
        To be told of the bytes that are done and of all bytes; None where nobody would see it.
    """
    if output.quiet or not is_terminal(sys.stderr):
        yield None
        return
    next_time = time.monotonic() + _PATIENCE
    drawn = False

    def tell(done: int, total: int) -> None:
        nonlocal next_time, drawn
        now = time.monotonic()
        if now < next_time or not total:
            return
        next_time, drawn = now + _STEP, True
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{_CLEAR}reading {what}: {100 * done // total} % of {units.size(total)}")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        if drawn:
            with suppress(OSError, ValueError):
                sys.stderr.write(_CLEAR)
                sys.stderr.flush()
