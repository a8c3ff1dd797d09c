"""Graphs in the language of mermaid, which GitHub, GitLab and many editors draw in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect._utils import units
from netinspect._utils.safe_text import safe
from netinspect.records.picture import Picture
from netinspect.rendering.graph.labels import BETWEEN, change_of, edge_label, heat_of, lines, share
from netinspect.rendering.graph.links import links_of, ports_of
from netinspect.rendering.graph.options import GraphStyle, HeatKey
from netinspect.rendering.graph.outline import Box, note_on_closed, opened_by, outline
from netinspect.rendering.graph.palette import HEAT, heat_step, inks

MOST_EDGES = 500
"""`maxEdges` of mermaid; with more it draws nothing."""

MOST_TEXT = 50_000
"""`maxTextSize` of mermaid, in characters."""

_SPECIAL = re.compile(r"(?![\w .,=:+()/-])[\x00-\x7f]")
_LIST = re.compile(r"^(\d*)([-+.)])(?=\s)")
"""Texts that mermaid reads as items of a list of Markdown, and does not draw."""

_CLASSES = {
    **{
        f"heat{step}": f"fill:{ground},color:{inks(ground, dark=False)[0]}"
        for step, (ground, _) in enumerate(HEAT, 1)
    },
    "failed": "stroke:#c4212b,stroke-width:3px,stroke-dasharray:6 4",
    "uncalled": "stroke-dasharray:2 3",
    "stack": "stroke-width:3px",
    "only_a": "stroke:#b35900,stroke-width:3px",
    "only_b": "stroke:#0a5ad0,stroke-width:3px",
    "changed": "stroke:#8a3fd1,stroke-width:3px",
}


def format_mermaid(picture: Picture, style: GraphStyle) -> str:
    """Format a picture as a flowchart of mermaid.

    Boxes are closed until the text is within mermaid's limits, with a comment on the number.

    Args:
        picture: The picture.
        style: Open boxes and direction. The theme is that of the page.
    """
    root = outline(picture, opened_by(picture, style))
    wanted = most = sum(1 for _ in root.walk()) - 1
    while True:
        text, edges = _flowchart(root, style)
        count = sum(1 for _ in root.walk()) - 1
        if (edges <= MOST_EDGES and len(text) <= MOST_TEXT) or most <= len(root.children):
            break
        most = max(len(root.children), min(most, count) * 3 // 4)
        root = outline(picture, opened_by(picture, style, most))
    for note in (*picture.notes, *filter(None, [note_on_closed(picture, style)])):
        text += f"%% {safe(note)}\n".replace("{", "(").replace("}", ")")
    if count < wanted:
        hidden = units.plural(wanted - count, "box", "boxes")
        text += f"%% {hidden} not shown: mermaid draws at most {MOST_EDGES} edges\n"
    return text


def _flowchart(root: Box, style: GraphStyle) -> tuple[str, int]:
    parts = [f"flowchart {style.direction}", *_body(root, heat_of(root, style.heat), "  ")]
    links = links_of(root)
    for link in links:
        label = _escaped(edge_label(link.maker, link.edge))
        arrow = f'-->|"{label}"|' if label else "-->"
        parts.append(f"  {link.source.id} {arrow} {link.target.id}")
    heat = heat_of(root, style.heat)
    classes = {
        box.id: _classes(box, share(box, root, heat)) for box in root.walk() if box.parent is not None
    }
    for name, definition in _CLASSES.items():
        members = [each for each, names in classes.items() if name in names]
        if members:
            parts += [f"  classDef {name} {definition}", f"  class {','.join(members)} {name}"]
    return "\n".join(parts) + "\n", len(links)


def _body(box: Box, heat: HeatKey, indent: str) -> Iterator[str]:
    for port in ports_of(box):
        yield f'{indent}{port.id}((" "))'
    for child in box.children:
        # A title of several lines would cover the boxes below it.
        label = (BETWEEN if child.children else "<br/>").join(map(_escaped, lines(child, heat)))
        if not child.children:
            opening, closing = ("[", "]") if child.template.kind == "module" else ("(", ")")
            yield f'{indent}{child.id}{opening}"{label}"{closing}'
            continue
        yield f'{indent}subgraph {child.id}["{label}"]'
        yield from _body(child, heat, indent + "  ")
        yield f"{indent}end"


def _classes(box: Box, of_whole: float) -> list[str]:
    template = box.template
    change = change_of(box)
    step = 0 if box.children or template.failed else heat_step(of_whole)
    return [
        *([f"heat{step}"] if step else []),
        *(["failed"] if template.failed else []),
        *([] if template.called else ["uncalled"]),
        *(["stack"] if box.count > 1 else []),
        *([change] if change in _CLASSES else []),
    ]


def _escaped(text: str) -> str:
    """Return a text in which mermaid finds no syntax, Markdown or HTML."""
    plain = _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)
    return _LIST.sub(lambda match: f"{match[1]}#{ord(match[2])};", plain)
