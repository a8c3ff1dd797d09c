"""SVG pictures, exported by Rich.

The template is ours, because Rich's loads fonts from the network. Colours follow the reader's preference
for light or dark; a program without support for that shows the light ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape, unescape

from rich.cells import cell_len
from rich.color import parse_rgb_hex
from rich.console import Console
from rich.segment import Segment, SegmentLines
from rich.terminal_theme import TerminalTheme

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Document
from netinspect.rendering.drawing import draw, make_console

PALETTE = {
    "background": ("#ffffff", "#0d1117"),
    "foreground": ("#1f2328", "#e6edf3"),
    "black": ("#59636e", "#9198a1"),
    "red": ("#c4212b", "#ff7b72"),
    "green": ("#17722f", "#56c364"),
    "yellow": ("#8a5a00", "#e3b341"),
    "blue": ("#0a5ad0", "#79b8ff"),
    "magenta": ("#8a3fd1", "#d2a8ff"),
    "cyan": ("#0b6e86", "#56d4dd"),
    "white": ("#57606a", "#b1bac4"),
}
"""The colours of a terminal on a light and on a dark page; `black` is that of dim text.

`styles.PICTURE` has the colour of each meaning."""

_DARK = dict(PALETTE.values())
_HEX = re.compile("#[0-9a-f]{6}")
_FONTS = "DejaVu Sans Mono, Menlo, Consolas, monospace"
_ASPECT = 0.602
"""Width of a character of these fonts, relative to their size."""

_FONT_SIZE = 14
_MARGIN = 16
_NOTE_WIDTH = 80
"""Minimum width at which notes are wrapped if none is given."""

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" \
viewBox="0 0 {width:g} {height:g}">
<title>{title}</title>
<style>
{styles}
@media (prefers-color-scheme: dark) {{
{dark}
}}
</style>
<rect class="{page}" width="100%" height="100%" rx="6"/>
<g transform="translate({margin} {margin}) scale({scale:g})" font-family="{fonts}" font-size="{size}">
{text}
</g>
</svg>
"""


def format_svg(
    document: Document, width: int | None = None, columns: Sequence[str] | None = None
) -> str:
    """Format a document as an SVG picture with fonts of the system.

    Args:
        document: The document.
        width: Cells on a line; None for as many as the content needs.
        columns: Keys of the columns to show; None for the default ones.
    """
    console, lines = _record(document, width, columns)
    # No part contains a null character: names are escaped.
    parts = console.export_svg(
        theme=_theme(),
        code_format="\0".join(
            ("{unique_id}", "{char_height}", "{char_width}", "{line_height}", "{styles}", "{matrix}")
        ),
        font_aspect_ratio=_ASPECT,
    ).split("\0")
    name, (size, cell, line) = parts[0], map(float, parts[1:4])
    scale = _FONT_SIZE / size
    styles = f".{name}-page {{ fill: {PALETTE['background'][0]} }}\n{parts[4]}"
    # Rich draws line ends too, counts a wide character once, and cuts each line at its own rectangle.
    text = re.sub(r"<text [^>]*>\n</text>", "", parts[5])
    text = re.sub(
        r'textLength="[^"]*" clip-path="[^"]*">([^<]*)',
        lambda match: f'textLength="{cell * cell_len(unescape(match[1])):g}">{match[1]}',
        text,
    )
    return _SVG.format(
        width=2 * _MARGIN + scale * cell * console.width,
        height=2 * _MARGIN + scale * line * len(lines),
        margin=_MARGIN,
        title=_title(document),
        styles=styles,
        dark=_HEX.sub(lambda match: _DARK.get(match[0], match[0]), styles),
        page=f"{name}-page",
        scale=scale,
        fonts=_FONTS,
        size=f"{size:g}",
        text=text.replace("</text><text", "</text>\n<text"),
    )


def _record(
    document: Document, width: int | None, columns: Sequence[str] | None
) -> tuple[Console, list[list[Segment]]]:
    """Draw a document on a console that records, as wide as the longest line."""
    console = make_console(width=80, record=True, picture=True)
    lines = draw(document, console, width, columns, least_width=_NOTE_WIDTH)
    console.width = max(1, Segment.get_shape(lines)[0])
    console.print(SegmentLines(lines, new_lines=True), soft_wrap=True, end="")
    return console, lines


def _theme() -> TerminalTheme:
    colors: list[tuple[int, int, int]] = [parse_rgb_hex(light[1:]) for light, _ in PALETTE.values()]
    background, foreground, *normal = colors
    return TerminalTheme(background, foreground, normal)


def _title(document: Document) -> str:
    return escape(safe("".join(span.text for span in document.title)))
