"""Graphs in dot, the language of Graphviz. Graphviz itself is never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from netinspect._utils.safe_text import safe
from netinspect.records.picture import Picture
from netinspect.rendering.graph.labels import BETWEEN, change_of, edge_label, heat_of, lines, share
from netinspect.rendering.graph.links import links_of, ports_of
from netinspect.rendering.graph.options import GraphStyle, HeatKey
from netinspect.rendering.graph.outline import Box, note_on_closed, opened_by, outline
from netinspect.rendering.graph.palette import COLORS, HEAT, heat_step, inks


def format_dot(picture: Picture, style: GraphStyle) -> str:
    """Format a picture in dot.

    An open box is a cluster. An arrow to or from it leads to what reads or makes the data in it, or to
    a point where several values meet. Boxes are named by their numbers in their bodies.

    Args:
        picture: The picture.
        style: Open boxes, direction and theme.
    """
    root = outline(picture, opened_by(picture, style))
    is_dark = style.theme == "dark"
    background, ink, line = (COLORS[each][is_dark] for each in ("ground", "ink", "edge"))
    heading = f"{picture.header.target} {root.template.label}" if root.template.label else ""
    parts = [
        f"digraph {_quoted(safe(heading))} {{",
        f"  graph [rankdir={style.direction}, bgcolor={_quoted(background)}, fontname=sans, "
        "fontsize=11, "
        f"fontcolor={_quoted(ink)}, color={_quoted(line)}, labeljust=l, ranksep=0.35, nodesep=0.35];",
        f"  node [shape=box, fontname=sans, fontsize=11, margin={_quoted('0.14,0.06')}, "
        f"fontcolor={_quoted(ink)}, color={_quoted(line)}];",
        f"  edge [fontname=sans, fontsize=9, arrowsize=0.6, fontcolor={_quoted(ink)}, "
        f"color={_quoted(line)}];",
        *_body(root, _Colors(root, heat_of(root, style.heat), is_dark), "  "),
    ]
    for link in links_of(root):
        label = edge_label(link.maker, link.edge)
        attributes = [f"label={_quoted(label)}"] if label else []
        attributes += _style_of_change(link.edge.change)
        shown = f" [{', '.join(attributes)}]" if attributes else ""
        parts.append(f"  {link.source.id} -> {link.target.id}{shown};")
    notes = [*picture.notes, *filter(None, [note_on_closed(picture, style)])]
    parts += [f"  // {safe(note)}" for note in notes]
    return "\n".join([*parts, "}"]) + "\n"


class _Colors(NamedTuple):
    """Facts on which the colours of boxes depend."""

    root: Box
    heat: HeatKey
    is_dark: bool


def _body(box: Box, colors: _Colors, indent: str) -> Iterator[str]:
    for port in ports_of(box):
        yield f'{indent}{port.id} [shape=point, width=0.06, label=""];'
    for child in box.children:
        # A heading of several lines would cover the arrows into the cluster.
        label = (BETWEEN if child.children else "\n").join(lines(child, colors.heat))
        attributes = [f"label={_quoted(label)}", *_style_of(child, colors)]
        if not child.children:
            yield f"{indent}{child.id} [{', '.join(attributes)}];"
            continue
        yield f"{indent}subgraph cluster_{child.id} {{"
        yield f"{indent}  graph [{', '.join(attributes)}];"
        yield from _body(child, colors, indent + "  ")
        yield f"{indent}}}"


def _style_of(box: Box, colors: _Colors) -> list[str]:
    """Return the attributes of a box; words in its label have the same meaning."""
    template = box.template
    found = []
    styles = ["rounded"] if template.kind not in ("module",) else []
    if template.failed:
        styles.append("dashed")
        found += ['color="#c4212b"', "penwidth=2"]
    elif not template.called:
        styles.append("dotted")
    else:
        found += _style_of_change(change_of(box))
    if box.count > 1:
        found.append("peripheries=2")
    step = 0 if box.children or template.failed else heat_step(share(box, colors.root, colors.heat))
    if step:
        styles.append("filled")
        ground = HEAT[step - 1][colors.is_dark]
        ink = inks(ground, dark=colors.is_dark)[0]
        found += [f"fillcolor={_quoted(ground)}", f"fontcolor={_quoted(ink)}"]
    return [f"style={_quoted(','.join(styles))}", *found] if styles else found


def _style_of_change(change: str) -> list[str]:
    colors = {"only_a": "#b35900", "only_b": "#0a5ad0", "changed": "#8a3fd1"}
    return [f"color={_quoted(colors[change])}", "penwidth=2"] if change in colors else []


def _quoted(text: str) -> str:
    """Return a string of dot: backslashes begin escape sequences, and ampersands entities, in labels."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\n")
    return f'"{re.sub(chr(0), "", escaped)}"'
