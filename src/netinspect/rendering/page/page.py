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

STYLES = ("style.css", "panes.css", "graph.css")
"""Style sheets in the order in which they are joined."""

SCRIPTS = (
    *("numbers.js", "text.js", "state.js", "heat.js", "contents.js", "fitting.js", "routes.js"),
    *("layout.js", "camera.js", "draw.js", "flow.js", "graph.js", "outline.js", "search.js"),
    *("toolbar.js", "keys.js", "places.js", "theme.js", "tabs.js", "tables.js", "detail.js"),
    *("table.js", "source.js", "params.js", "memory.js", "cost.js", "main.js"),
)
"""Scripts in the order in which they are joined; they share one scope."""

THEMES = ("auto", "light", "dark")
"""Names of the themes; `auto` is that of the reader's system."""


def format_page(data: Mapping[str, Any], *, title: str, theme: str = "auto", figure: str = "") -> str:
    """Return the HTML of a page: the same text for the same data.

    Args:
        data: What the scripts read, encodable as JSON.
        title: Title of the document.
        theme: One of `THEMES`: what the page has until its reader chooses another one.
        figure: SVG that is printed in place of the graph; empty for none. It must not have scripts,
            styles or references.
    """
    style, script = _joined(STYLES), _joined(SCRIPTS)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    )
    parts = {
        "title": html.escape(safe(title)),
        "policy": policy,
        "theme": theme,
        "style": style,
        "figure": figure,
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
def _joined(names: tuple[str, ...]) -> str:
    """Return assets as one text, scripts within one function."""
    files = [ASSETS / name for name in names]
    texts = [file.read_text(encoding="utf-8").strip() for file in files if file.is_file()]
    text = "\n".join(texts)
    return f'(() => {{\n"use strict";\n{text}\n}})();\n' if names == SCRIPTS else f"{text}\n"


def _hash(text: str) -> str:
    """Return the source expression of a content security policy that allows an inline text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
