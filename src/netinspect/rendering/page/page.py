"""Assembly of the page from its shell, styles, data and scripts, with a policy for these only."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from netinspect._utils.safe_text import safe

ASSETS = Path(__file__).parent / "assets"

STYLES = ("style.css", "graph.css", "panes.css")
"""Style sheets in the order in which they are joined."""

START = "main.js"
"""The script that starts the page. It is the last one; the others only define, in any order."""

THEMES = ("auto", "light", "dark")
"""Names of the themes; `auto` is that of the reader's system."""


def format_page(data: Mapping[str, Any], *, title: str, theme: str = "auto") -> str:
    """Return the HTML of a page: the same text for the same data.

    Args:
        data: What the scripts read, encodable as JSON.
        title: Title of the document.
        theme: One of `THEMES`: what the page has until its reader chooses another one.
    """
    style, script = style_sheet(), joined_scripts()
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    )
    parts = {
        "title": html.escape(safe(title)),
        "policy": policy,
        "theme": theme,
        "style": style,
        "data": encode_data(data),
        "script": script,
    }
    pieces = (ASSETS / "shell.html").read_text(encoding="utf-8").split("{{")
    text = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        text += (parts[name], rest)
    return "".join(text)


def encode_data(data: Any) -> str:
    """Return data as JSON for a script element of HTML.

    Characters that could end the element, or that change how text is shown, are escaped.
    """
    text = json.dumps(_safe(data), separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _safe(data: Any) -> Any:
    if isinstance(data, str):
        return safe(data)
    if isinstance(data, Mapping):
        return {safe(key): _safe(value) for key, value in data.items()}
    return [_safe(each) for each in data] if isinstance(data, (list, tuple)) else data


@cache
def style_sheet() -> str:
    """Return all styles as one text."""
    return "".join(f"{_read(name)}\n" for name in STYLES)


@cache
def joined_scripts() -> str:
    """Return all scripts as one text, within one function, so that they add no global names."""
    names = sorted(file.name for file in ASSETS.glob("*.js") if file.name != START)
    text = "\n".join(map(_read, (*names, START)))
    return f'(() => {{\n"use strict";\n{text}\n}})();\n'


def _read(name: str) -> str:
    return without_comments((ASSETS / name).read_text(encoding="utf-8"))


def without_comments(text: str) -> str:
    """Return a script or style sheet without indentation, and without lines that are only comments.

    A sixth of the assets is for who reads them here, and not for each page.
    """
    lines = []
    in_comment = False
    for line in map(str.strip, text.splitlines()):
        starts = line.startswith("/*")
        if line and not (in_comment or starts or line.startswith("//")):
            lines.append(line)
        in_comment = (in_comment or starts) and not line.endswith("*/")
    return "\n".join(lines)


def _hash(text: str) -> str:
    """Return the source expression of a content security policy that allows an inline text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
