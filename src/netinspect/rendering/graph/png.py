"""PNG drawings of a picture, by resvg."""

from __future__ import annotations

import re
from collections.abc import Callable

from netinspect.errors import UsageError
from netinspect.records.base import replace
from netinspect.records.picture import Picture
from netinspect.rendering.graph.options import GraphStyle
from netinspect.rendering.graph.svg import FONTS, format_svg

ZOOM = 2.0
"""Pixels of the image for each unit of the drawing."""

_MOST_PIXELS = 100_000_000
"""Pixels of an image, which take four bytes each while it is drawn; a larger one has a smaller zoom."""

_MOST_SIDE = 32_000
"""Pixels of one side of an image, near the largest that common viewers open."""

_SIZE = re.compile(r'width="([0-9.]+)" height="([0-9.]+)"')


def format_png(picture: Picture, style: GraphStyle) -> bytes:
    """Format a picture as a PNG image; the theme `auto` is the light one.

    Args:
        picture: The picture.
        style: See `format_svg`.

    Raises:
        UsageError: resvg-py is not installed, or the system has no font.
    """
    return png_of_svg(
        format_svg(picture, style if style.theme != "auto" else replace(style, theme="light"))
    )


def png_of_svg(svg: str) -> bytes:
    """Draw a file of `format_svg` as a PNG image.

    Raises:
        UsageError: resvg-py is not installed, or the system has no font.
    """
    try:
        import resvg_py
    except ImportError:
        raise UsageError(
            "PNG images need resvg-py",
            hint="pip install 'netinspect[png]'; or write an .svg file",
        ) from None
    if not _has_font(resvg_py.svg_to_bytes):
        raise UsageError(
            "no font for the text of a PNG image is installed",
            hint="install a font, such as the package fonts-dejavu-core; or write an .svg file",
        )
    found = _SIZE.search(svg)
    width, height = (float(found[1]), float(found[2])) if found else (1.0, 1.0)
    zoom = min(ZOOM, _MOST_SIDE / max(width, height), (_MOST_PIXELS / (width * height)) ** 0.5)
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom))


def _has_font(draw: Callable[..., bytes]) -> bool:
    """Return whether the text of a drawing appears at all."""
    images = [
        bytes(
            draw(
                svg_string='<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16">'
                f'<text x="2" y="12" style="font-family:{FONTS};font-size:12px">{text}</text></svg>'
            )
        )
        for text in ("HM", "")
    ]
    return images[0] != images[1]
