"""Hyperlinks to places in source code (OSC 8), for terminals."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import quote

from rich.segment import Segment
from rich.style import Style

_ID = re.compile(r"(?<=\x1b\]8;)id=\d+(?=;)")


@cache
def link_style(place: str, host: str) -> Style | None:
    """Return the style of a link to a place; None unless it is a line of a file on disk.

    Args:
        place: `file:line`.
        host: Name of the machine that has the file.
    """
    file, _, line = place.rpartition(":")
    if not file.startswith("/") or not line.isdecimal():
        return None
    return Style(link=f"file://{host}{quote(file, errors='surrogateescape')}#{line}")


def only_link(segment: Segment) -> Segment:
    """Return a segment without colour and attributes, but with its link."""
    link = segment.style.link if segment.style else None
    return Segment(segment.text, Style(link=link) if link else None)


def remove_link_ids(text: str) -> str:
    """Remove the random ids of links: the same view is the same text."""
    return _ID.sub("", text) if "\x1b]8;id" in text else text
