"""Boxes of a picture on their way to coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netinspect.records.picture import Edge, PictureItem
from netinspect.rendering.graph.contents import TextLine

Numbers = tuple[int, ...]
"""Place of a box: its number in its body, and before it those of all boxes around it."""


class Label(NamedTuple):
    """A text at an edge: the shapes of the data, or the source of a stub."""

    x: float
    """Start of the text, or its end if it ends at the edge."""

    y: float
    """Base line of the text."""

    text: str
    source: int
    """Number of the item whose output it describes, `OUTSIDE` for data from outside."""

    at_end: bool = False


class Route(NamedTuple):
    """An edge between two items of a body."""

    source: int
    target: int
    """Indices of the items; `OUTSIDE` for the border of the body."""

    points: tuple[tuple[float, float], ...]
    """Points from the source to the target. Between two points on one line along the flow the edge is
    straight, otherwise a curve that begins and ends along the flow."""

    edge: Edge


class PlacedBox(NamedTuple):
    """A box with its place in the drawing."""

    numbers: Numbers
    template: int
    item: int
    """Index in the items of the body that it is in; 0 for the root."""

    shown: int | None
    """Number of the box in its item; None if it stands for all boxes of the item, closed or open."""

    x: float
    y: float
    width: float
    height: float
    anchor: float
    """Coordinate of the line on which data enters and leaves: x, or y if the flow is to the right."""

    is_open: bool
    lines: tuple[TextLine, ...]
    heading: float = 0.0
    """Height of the heading of an open box."""

    children: tuple[PlacedBox, ...] = ()
    routes: tuple[Route, ...] = ()
    labels: tuple[Label, ...] = ()
    stubs: tuple[Route, ...] = ()
    ports: tuple[tuple[float, float], ...] = ()


class Entry(NamedTuple):
    """A box before it has a size."""

    template: int
    numbers: Numbers
    item: PictureItem | None
    place: int
    """Index in the items of its body."""

    shown: int | None
    is_column: bool = False
    """Whether it is an item of which all boxes are drawn, one after the other."""


class Line(NamedTuple):
    """An edge between two boxes of a body."""

    source: int
    target: int
    edge: Edge


class Body(NamedTuple):
    """The boxes of a body with their rows and edges."""

    entries: tuple[Entry, ...]
    rows: Sequence[Sequence[int]]
    lines: tuple[Line, ...]
    """Edges between entries, by index; `OUTSIDE` is the border."""

    stubs: tuple[Line, ...]


class Sized:
    """A box with its size and the coordinates of its body, relative to its own corner."""

    def __init__(self, entry: Entry, lines: tuple[TextLine, ...]) -> None:
        self.entry = entry
        self.lines = lines
        self.length = 0.0
        self.breadth = 0.0
        self.anchor = 0.0
        """Distance of the anchor from the corner, across the flow."""

        self.heading = 0.0
        self.is_open = False
        self.body: Body | None = None
        self.children: list[Sized] = []
        self.routes: list[Route] = []
        self.stub_routes: list[Route] = []
        self.labels: list[Label] = []
        self.ports: list[tuple[float, float]] = []
        self.out_label = ""
        self.stub = ""
        self.before = 0.0
        self.after = 0.0
        """Room that is needed on both sides of the anchor, with labels."""

        self.start = 0.0
        self.offset = 0.0
        """Place of the corner in the body around it, along and across the flow."""
