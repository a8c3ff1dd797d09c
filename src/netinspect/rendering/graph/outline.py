"""Boxes of a picture that a graph shows: which are open, what they are called, and what they read."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from netinspect._utils import units
from netinspect.analysis.picture.layers import Ends, project, stubs
from netinspect.analysis.picture.places import items_in, root_place
from netinspect.records.picture import OUTSIDE, Edge, Picture, PictureItem, Template
from netinspect.rendering.graph.opening import Numbers, count_boxes, open_boxes
from netinspect.rendering.graph.options import GraphStyle

_NO_LIMIT = 1 << 30
"""More boxes than any picture has."""


@dataclass(eq=False)
class Box:
    """One item of a body."""

    numbers: Numbers
    """Place of one of the boxes that it stands for: the open one, else the first."""

    template: Template
    item: PictureItem | None
    path: str
    """Path of the module at this place; for a box that is not a module, of the module around it."""

    name: str
    """Name within the body: of a module or argument its own, of anything else empty."""

    parent: Box | None = None
    place: int = 0
    """Index in the children of the parent."""

    shown: int = 0
    """Number of the box in its item, of which the names in it are."""

    children: list[Box] = field(default_factory=list)
    """Empty if the box is closed."""

    lines: dict[Ends, Edge] = field(default_factory=dict)
    """Edges between the children, by their indices."""

    stubs: dict[Ends, Edge] = field(default_factory=dict)
    """Edges between the children that are drawn as a label at the reader."""

    @property
    def id(self) -> str:
        """Identifier in texts for other programs."""
        return "_".join(("b", *map(str, self.numbers)))

    @property
    def count(self) -> int:
        """Number of identical boxes that it stands for."""
        return 1 if self.item is None else self.item.count

    @property
    def level(self) -> int:
        """Number of boxes around it."""
        return len(self.numbers)

    def walk(self) -> Iterator[Box]:
        """Yield the box and everything in it, in the order of the calls."""
        waiting = [self]
        while waiting:
            box = waiting.pop()
            yield box
            waiting += reversed(box.children)

    def reads_of_stubs(self) -> list[Box | None]:
        """Return the boxes whose data is drawn as a label here; None for the border of the body."""
        if self.parent is None:
            return []
        siblings = self.parent.children
        return [
            None if source == OUTSIDE else siblings[source]
            for source, target in sorted(self.parent.stubs)
            if target == self.place
        ]


def opened_by(picture: Picture, style: GraphStyle, most_boxes: int | None = None) -> frozenset[Numbers]:
    """Return the places of the boxes that a style opens; see `open_boxes`.

    Args:
        picture: The picture.
        style: Depth and paths to open.
        most_boxes: Largest number of boxes; None for that of the style.
    """
    return open_boxes(
        picture,
        depth=style.depth,
        patterns=style.open,
        most_boxes=style.max_boxes if most_boxes is None else most_boxes,
    )


def note_on_closed(picture: Picture, style: GraphStyle) -> str:
    """Return a note on the boxes that `GraphStyle.max_boxes` closes; empty if it closes none."""
    wanted = count_boxes(picture, opened_by(picture, style, _NO_LIMIT))
    if wanted <= style.max_boxes:
        return ""
    return (
        f"the deepest boxes are closed, because there are more than {style.max_boxes:,} "
        f"({wanted:,}); --max-boxes changes that"
    )


def outline(picture: Picture, opened: Container[Numbers]) -> Box:
    """Return the box of the model with what is in its open boxes.

    Args:
        picture: The picture.
        opened: Places of the open boxes; of an item that stands for several, of one of them.
    """
    place = root_place(picture)
    root = Box((), place.template, None, place.path, "")
    waiting = [root]
    while waiting:
        box = waiting.pop()
        if box.numbers in opened:
            _open(picture, box, opened)
            waiting += box.children
    return root


def _open(picture: Picture, box: Box, opened: Container[Numbers]) -> None:
    number = 0
    for place, item in enumerate(items_in(picture, box.template, box.item, box.shown)):
        template = picture.templates[item.template]
        # Of several boxes, the one that was asked for stands for all.
        shown = next((at for at in range(item.count) if (*box.numbers, number + at) in opened), 0)
        name, path = item.names[shown], box.path
        if template.kind == "module":
            path = (f"{box.path}{name}" if box.path else name[1:]) if name[:1] == "." else name
        if template.kind == "module":
            text = _run_name(item.names[0], item.names[-1])
        elif item.inner_names and item.count > 1:
            runs = map(_run_name, item.inner_names[0], item.inner_names[-1])
            text = ", ".join(dict.fromkeys(runs))
        else:
            text = item.names[0].lstrip(".")
        numbers = (*box.numbers, number + shown)
        box.children.append(Box(numbers, template, item, path, text, box, place, shown))
        number += item.count
    projected = project(box.template.edges, box.template.items)
    hidden = stubs(projected)
    box.lines = {ends: edge for ends, edge in projected.items() if ends not in hidden}
    box.stubs = {ends: edge for ends, edge in projected.items() if ends in hidden}


def _run_name(first: str, last: str) -> str:
    return units.run_names(units.name(first.lstrip(".")), units.name(last.lstrip(".")))
