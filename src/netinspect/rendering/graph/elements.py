"""Elements of SVG that drawings consist of."""

from __future__ import annotations

from html import escape

from netinspect._utils.safe_text import safe
from netinspect.records.picture import Change
from netinspect.rendering.graph.boxes import Label, PlacedBox, Route


def line_class(route: Route) -> str:
    """Return the classes of an edge: wider for more bytes, and of which model it is."""
    name = "line"
    size = route.edge.bytes
    if size >= 1 << 24:
        name = "line broad"
    elif size >= 1 << 20:
        name = "line wide"
    side = {"only_a": " line_a", "only_b": " line_b"}.get(route.edge.change, "")
    return name + side


def path_of(points: tuple[tuple[float, float], ...], is_right: bool) -> str:
    """Return the commands of a path through points, with curves that begin and end along the flow."""
    (x, y), *others = points
    found = [f"M{number(x)} {number(y)}"]
    for to_x, to_y in others:
        if abs(to_y - y if is_right else to_x - x) < 0.05:
            found.append(f"L{number(to_x)} {number(to_y)}")
        elif is_right:
            half = number((x + to_x) / 2)
            found.append(f"C{half} {number(y)} {half} {number(to_y)} {number(to_x)} {number(to_y)}")
        else:
            half = number((y + to_y) / 2)
            found.append(f"C{number(x)} {half} {number(to_x)} {half} {number(to_x)} {number(to_y)}")
        x, y = to_x, to_y
    return "".join(found)


def arrow(x: float, y: float, is_right: bool) -> str:
    """Return the commands of an arrow that ends at a point."""
    head = "l-6 -3.2v6.4z" if is_right else "l-3.2 -6h6.4z"
    return f"M{number(x)} {number(y)}{head}"


def text_at(x: float, y: float, text: str, classes: str = "small dim") -> str:
    """Return a line of text."""
    return f'<text class="{classes}" x="{number(x)}" y="{number(y)}">{escaped(text)}</text>'


def label_text(label: Label) -> str:
    """Return the text at an edge."""
    return text_at(label.x, label.y, label.text, "small dim end" if label.at_end else "small dim")


def rules_between(box: PlacedBox) -> str:
    """Return the lines between the rows of a chain."""
    parts = []
    y = box.y + 5
    for line in box.lines[:-1]:
        y += line.height
        parts.append(f"M{number(box.x)} {number(y)}h{number(box.width)}")
    return f'<path class="rule" d="{"".join(parts)}"/>'


def cross(x: float, y: float) -> str:
    """Return the mark of the call that failed."""
    return (
        f'<circle class="mark" cx="{number(x)}" cy="{number(y)}" r="8"/>'
        f'<path class="cross" d="M{number(x - 3)} {number(y - 3)}l6 6m0 -6l-6 6"/>'
    )


def sign_mark(x: float, y: float, sign: str, change: Change) -> str:
    """Return the mark of a difference."""
    return (
        f'<circle class="frame {change}" cx="{number(x)}" cy="{number(y)}" r="7"/>'
        f'<text class="name" x="{number(x)}" y="{number(y + 4)}" text-anchor="middle">{sign}</text>'
    )


def number(value: float) -> str:
    """Format a coordinate, to a tenth of a pixel."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def escaped(text: str) -> str:
    """Escape a text for XML; `safe` has replaced the characters that XML lacks."""
    return escape("\n".join(map(safe, text.split("\n"))), quote=True)
