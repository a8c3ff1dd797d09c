"""Markdown with a graph that GitHub and GitLab draw."""

from __future__ import annotations

from netinspect.records.picture import Picture
from netinspect.rendering.document import Document
from netinspect.rendering.graph.mermaid import format_mermaid
from netinspect.rendering.graph.options import GraphStyle
from netinspect.rendering.markdown import format_markdown


def format_graph_markdown(picture: Picture, style: GraphStyle, document: Document) -> str:
    """Format a picture as a block of mermaid, below its title and above its notes.

    Args:
        picture: The picture.
        style: See `format_mermaid`.
        document: Title, notes and failure.
    """
    graph = f"```mermaid\n{format_mermaid(picture, style)}```\n"
    title, between, rest = format_markdown(document).partition("\n\n")
    return f"{title.rstrip()}\n\n{graph}" + (f"\n{rest}" if between else "")
