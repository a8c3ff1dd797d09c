"""Line on a terminal that names what runs now, and is written over."""

from __future__ import annotations

import io

from rich.console import Console
from rich.spinner import Spinner
from rich.text import Text

from netinspect._utils.safe_text import safe

ERASE = "\r\x1b[2K"
"""Moves the cursor to the start of the line, and erases the line."""


def draw_line(text: str, seconds: float, width: int, *, color: bool, ascii_only: bool) -> str:
    """Return what replaces the current line of a terminal.

    Args:
        text: The text; it is cut to the width.
        seconds: Time since the start, which selects the picture of the spinner.
        width: Width of the terminal in cells.
        color: Whether to dim the line.
        ascii_only: Whether the terminal has ASCII characters only.

    Returns:
        Text with escape sequences and without a line break; the cursor stays at its end.
    """
    console = Console(
        file=io.StringIO(),
        width=max(width - 1, 10),  # in the last column some terminals break the line
        height=25,
        color_system="standard" if color else None,
        force_terminal=True,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    spinner = Spinner("line" if ascii_only else "dots", speed=0.5)
    spinner.start_time = 0.0
    line = Text("", style="dim" if color else "", no_wrap=True, overflow="ellipsis")
    line.append_text(Text.assemble(spinner.render(seconds), " ", safe(text)))  # type: ignore[arg-type]
    line.truncate(console.width, overflow="crop" if ascii_only else "ellipsis")
    with console.capture() as captured:
        console.print(line, end="")
    return ERASE + captured.get()
