"""A line on a terminal that is written over, and removed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from netinspect._utils.safe_text import safe


class _Terminal:
    """A stream whose errors are ignored: a command goes on after its terminal was closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


@contextmanager
def live_line(stream: TextIO, width: int) -> Iterator[Callable[[str], None]]:
    """Open a line on a terminal.

    Args:
        stream: The terminal.
        width: Its width in cells.

    Yields:
        A function that shows a text, cut to the width.
    """
    console = Console(
        file=cast(IO[str], _Terminal(stream)),
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

        def draw(text: str) -> None:
            live.update(Text(safe(text), no_wrap=True, overflow="ellipsis"), refresh=True)

        yield draw
