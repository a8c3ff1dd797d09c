"""Progress of long work: one line on a terminal's stderr, removed at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from netinspect._utils import units
from netinspect.cli.console import is_terminal, terminal_width

_PATIENCE = 0.5
"""Seconds before progress is shown; most work ends earlier."""

_STEP = 0.1
"""Minimum time between two updates."""


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """Show how far something has come.

    Args:
        quiet: Show nothing.

    Yields:
        A function that shows a short text; None if stderr is not a terminal.
    """
    if quiet or not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        yield None
        return
    next_time = time.monotonic() + _PATIENCE
    draw: Callable[[str], None] | None = None

    def show(text: str) -> None:
        nonlocal next_time, draw
        now = time.monotonic()
        if now < next_time:
            return
        next_time = now + _STEP
        if draw is None:
            # Rich is slow to import, and most work ends before it is needed.
            from netinspect.rendering.live_line import live_line

            width = max(20, terminal_width(sys.stderr))
            draw = stack.enter_context(live_line(sys.stderr, width))
        draw(text)

    with ExitStack() as stack:
        yield show


@contextmanager
def bytes_read(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much has been read.

    Args:
        what: What is read.
        quiet: Show nothing.

    Yields:
        A function of bytes done and total bytes; None if stderr is not a terminal.
    """
    with progress_line(quiet=quiet) as show:

        def update(done: int, total: int) -> None:
            if show is not None and total:
                show(f"reading {what}: {100 * done // total} % of {units.size(total)}")

        yield None if show is None else update
