"""HTML pages with a drawing of a picture, without scripts."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape

from netinspect._utils.safe_text import safe
from netinspect.records.picture import Picture
from netinspect.rendering.graph.options import GraphStyle
from netinspect.rendering.graph.palette import COLORS
from netinspect.rendering.graph.svg import format_svg

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{rules}
main {{ width: max-content; max-width: 100%; margin: auto; overflow: auto; }}
main svg {{ display: block; }}
</style>
</head>
<body>
<main tabindex="0" aria-label="{title}">
{drawing}</main>
</body>
</html>
"""
_RULES = ":root {{ color-scheme: {scheme}; }}\nbody {{ margin: 0; background: {color}; }}"
_DARK = "@media (prefers-color-scheme: dark) {{ body {{ background: {color}; }} }}"


def format_html(picture: Picture, style: GraphStyle) -> str:
    """Format a picture as a page with its drawing, which loads nothing.

    Args:
        picture: The picture.
        style: See `format_svg`.
    """
    light, dark = COLORS["ground"]
    rules = _RULES.format(
        scheme="light dark" if style.theme == "auto" else style.theme,
        color=dark if style.theme == "dark" else light,
    )
    if style.theme == "auto":
        rules += "\n" + _DARK.format(color=dark)
    return _PAGE.format(title=_title(picture), rules=rules, drawing=format_svg(picture, style))


def format_html_image(picture: Picture, style: GraphStyle) -> str:
    """Format a picture as an element for a notebook, apart from the styles of the page."""
    drawing = format_svg(picture, style)
    width = re.search(r'width="([0-9.]+)"', drawing)
    size = f"width: {width[1]}px; " if width else ""
    data = b64encode(drawing.encode()).decode()
    return (
        f'<img alt="{_title(picture)}" style="{size}max-width: 100%" '
        f'src="data:image/svg+xml;base64,{data}">'
    )


def _title(picture: Picture) -> str:
    root = picture.templates[picture.root]
    name = root.label if root.label != picture.header.target else ""
    return escape(safe(" ".join(filter(None, ("graph of", picture.header.target, name, picture.path)))))
