"""Progress of long work: one line on a terminal's stderr, removed at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from netinspect._utils import units
from netinspect._utils.safe_text import safe
from netinspect.cli.console import is_terminal, terminal_width

if TYPE_CHECKING:
    from rich.live import Live

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
    live: Live | None = None

    def show(text: str) -> None:
        nonlocal next_time, live
        now = time.monotonic()
        if now < next_time:
            return
        next_time = now + _STEP
        live = live or stack.enter_context(_live())
        live.update(safe(text), refresh=True)

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


def _live() -> Live:
    # Rich is slow to import, and most work ends before it is needed.
    from rich.console import Console
    from rich.live import Live

    console = Console(
        file=sys.stderr,
        width=max(20, terminal_width(sys.stderr)),
        height=25,
        color_system=None,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=True,
        force_jupyter=False,
    )
    return Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )
