"""Terminal output (`--format rich`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.segment import SegmentLines

from netinspect.rendering.depth import fit_height
from netinspect.rendering.document import Document
from netinspect.rendering.drawing import draw, make_console
from netinspect.rendering.links import only_link, remove_link_ids

# ASCII replacements of the same width for terminals without Unicode.
_ASCII = str.maketrans(
    {
        "│": "|",
        "├": "+",
        "┤": "+",
        "┼": "+",
        "┴": "'",
        "╯": "'",
        "╰": "`",
        "●": "*",
        "○": "o",
        "▾": "v",
        "✗": "X",
        "└": "`",
        "─": "-",
        "…": "~",
        "·": "-",
        "█": "#",
        "▓": "=",
        "▒": "+",
        "░": ".",
        "▸": ">",
    }
    | dict(zip("▁▂▃▄▅▆▇", ".:-=+*%", strict=True))
    | dict(zip("▏▎▍▌▋▊▉", "...####", strict=True))
)


def format_terminal(
    document: Document,
    *,
    width: int | None,
    color: bool,
    ascii_only: bool,
    height: int | None = None,
    link_host: str | None = None,
    columns: Sequence[str] | None = None,
    cut: bool = True,
) -> str:
    """Format a document for a terminal.

    Args:
        document: The document.
        width: Cells on a line; None for no limit.
        color: Whether to emit escape sequences at all.
        ascii_only: Draw with ASCII characters.
        height: Lines of the screen that trees are to fit; None for no limit.
        link_host: Host of the files that places in source code are links to; None for no links.
        columns: Keys of the columns to show; None for the default ones.
        cut: Cut texts to the width; otherwise lines may be longer.
    """
    is_plain = not color and link_host is None
    console = make_console(width=width or 80, color_system=None if is_plain else "standard")
    drawn = partial(
        draw, console=console, width=width, columns=columns, link_host=link_host, fold=False, cut=cut
    )
    if height is not None:
        document = fit_height(document, height, lambda given: len(drawn(given)))
    lines = drawn(document)
    if not color and link_host is not None:
        lines = [[*map(only_link, each)] for each in lines]
    with console.capture() as capture:
        console.print(SegmentLines(lines, new_lines=True), soft_wrap=True, end="")
    text = remove_link_ids(capture.get())
    return text.translate(_ASCII) if ascii_only else text
