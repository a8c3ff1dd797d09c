"""Boxes of a picture that a graph shows: which are open, what they are called, and what they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from netinspect._utils import units
from netinspect.analysis.picture.layers import Ends, project, stubs
from netinspect.analysis.picture.places import root_place
from netinspect.records.picture import OUTSIDE, Edge, Picture, PictureItem, Template
from netinspect.rendering.graph.options import GraphStyle

Numbers = tuple[int, ...]
"""Place of a box: numbers of the boxes around it in their bodies, and its own; see `Place.numbers`."""

READABLE = 40
"""Boxes of a drawing for which no depth is given."""


@dataclass(eq=False)
class Box:
    """One item of a body."""

    numbers: Numbers
    """Place of the first box that it stands for."""

    template: Template
    item: PictureItem | None
    path: str
    """Path of the first module; for a box that is not a module, of the module around it."""

    name: str
    """Name within the body: of a module or argument its own, of anything else empty."""

    parent: Box | None = None
    place: int = 0
    """Index in the children of the parent."""

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


def open_boxes(picture: Picture, style: GraphStyle, most: int | None = None) -> Box:
    """Return the box of the model, opened as a style wants it.

    Args:
        picture: The picture.
        style: Depth and paths to open.
        most: Most boxes instead of `style.max_boxes`.
    """
    limit = style.max_boxes if most is None else min(most, style.max_boxes)
    place = root_place(picture)
    root = Box((), place.template, None, place.path, "")
    _open(picture, root)
    total, level = len(root.children), [root]
    # The failed call, and what is asked for by name, is open whatever the depth.
    wanted = _wanted(picture, root, style.open)
    while level := [child for box in level for child in box.children]:
        opened = [box for box in level if _can_open(box)]
        depth = level[0].level
        if style.depth is not None:
            is_open = style.depth == 0 or depth < style.depth
        else:
            is_open = not style.open and total + sum(map(_inside, opened)) <= READABLE
        for box in opened:
            if (is_open or box.numbers in wanted) and total + _inside(box) <= limit:
                _open(picture, box)
                total += len(box.children)
    return root


def _inside(box: Box) -> int:
    return len(box.template.items)


def _can_open(box: Box) -> bool:
    """Return whether the inside of a box is of interest; torch's own layers and chains are closed."""
    return bool(box.template.items) and not box.template.library and box.template.kind != "chain"


def _open(picture: Picture, box: Box) -> None:
    number = 0
    for place, item in enumerate(box.template.items):
        template = picture.templates[item.template]
        name, path = item.names[0], box.path
        if template.kind == "module":
            path = (f"{box.path}{name}" if box.path else name[1:]) if name[:1] == "." else name
        inner = name.lstrip(".")
        last = item.names[-1].lstrip(".")
        shown = inner if template.kind != "module" else units.run_names(units.name(inner), last)
        box.children.append(Box((*box.numbers, number), template, item, path, shown, box, place))
        number += item.count
    projected = project(box.template.edges, box.template.items)
    hidden = stubs(projected)
    box.lines = {ends: edge for ends, edge in projected.items() if ends not in hidden}
    box.stubs = {ends: edge for ends, edge in projected.items() if ends in hidden}


def _wanted(picture: Picture, root: Box, patterns: tuple[str, ...]) -> set[Numbers]:
    """Return the places of the boxes to open for the failed call and for patterns of paths."""
    failed = _first_numbers(picture, picture.failed_path)
    found = {failed[:end] for end in range(len(failed))}
    if not patterns:
        return found
    waiting = [Box(root.numbers, root.template, None, root.path, "")]
    while waiting:
        box = waiting.pop()
        _open(picture, box)
        waiting += (child for child in box.children if child.template.items)
        is_named = box.template.kind == "module" and box.parent is not None
        if is_named and any(fnmatchcase(box.path, pattern) for pattern in patterns):
            found.update(box.numbers[:end] for end in range(len(box.numbers) + 1))
    return found


def _first_numbers(picture: Picture, numbers: Numbers) -> Numbers:
    """Return a place with each number replaced by that of the first box of its item."""
    template = picture.templates[picture.root]
    found = []
    for number in numbers:
        start = 0
        for item in template.items:
            if start <= number < start + item.count:
                found.append(start)
                template = picture.templates[item.template]
                break
            start += item.count
    return tuple(found)
