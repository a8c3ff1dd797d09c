"""HTML fragment of a terminal view, for notebooks."""

from __future__ import annotations

from html import escape

from rich.style import Style

from netinspect.rendering.document import Document
from netinspect.rendering.terminal import styled_lines


def format_html(document: Document) -> str:
    """Format a document as one preformatted element with inline styles, scrolling sideways if wide."""
    lines = []
    for spans in styled_lines(document, None):
        parts = []
        for span in spans:
            css = Style.parse(span.style).get_html_style() if span.style else ""
            text = escape(span.text)
            parts.append(f'<span style="{css}">{text}</span>' if css else text)
        lines.append("".join(parts))
    body = "\n".join(lines)
    return f'<pre style="overflow-x:auto;line-height:normal;font-family:monospace">{body}</pre>'
