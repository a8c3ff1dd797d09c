"""A line on a terminal that is written over, and removed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live

from netinspect._utils.safe_text import safe


@contextmanager
def live_line(stream: TextIO, width: int) -> Iterator[Callable[[str], None]]:
    """Open a line on a terminal.

    Args:
        stream: The terminal.
        width: Its width in cells.

    Yields:
        A function that shows a text.
    """
    console = Console(
        file=stream,
        width=width,
        height=25,
        color_system=None,
        force_terminal=True,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        yield lambda text: live.update(safe(text), refresh=True)
