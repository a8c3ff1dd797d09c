"""Arrows between the boxes of a graph, in languages where an arrow cannot end at an open box."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect.analysis.picture.layers import Ends
from netinspect.records.picture import OUTSIDE, Edge
from netinspect.rendering.graph.outline import Box


class Port(NamedTuple):
    """A point in an open box where the data of several arrows meets."""

    box: Box
    is_input: bool

    @property
    def id(self) -> str:
        """Identifier in texts for other programs."""
        return f"{self.box.id}_{'in' if self.is_input else 'out'}"


End = Box | Port


class Link(NamedTuple):
    """An arrow between closed boxes and ports."""

    source: End
    target: End
    edge: Edge
    maker: Box | None
    """The box in whose body the data is made; None if it is from outside."""


def has_input_port(box: Box) -> bool:
    """Return whether an open box needs a point where its inputs meet.

    Without one, an arrow to a box in it would claim that this box reads every input.
    """
    arrows, readers = len(_into(box)), _readers(box)
    if not box.children or not (arrows or readers):
        return False
    return arrows != 1 or not readers or (OUTSIDE, OUTSIDE) in readers or bool(box.reads_of_stubs())


def has_output_port(box: Box) -> bool:
    """Return whether an open box needs a point where its outputs meet."""
    outputs = [ends for ends in box.lines if ends[1] == OUTSIDE]
    return bool(box.children) and len(outputs) != 1 and bool(outputs or _out_of(box))


def ports_of(box: Box) -> list[Port]:
    """Return the ports of a box."""
    found = [Port(box, True)] if has_input_port(box) else []
    return [*found, Port(box, False)] if has_output_port(box) else found


def links_of(root: Box) -> list[Link]:
    """Return all arrows of a graph."""
    found: dict[tuple[str, str], Link] = {}
    for box in root.walk():
        for (source, target), edge in sorted(box.lines.items(), key=lambda each: each[0]):
            if source == OUTSIDE and not has_input_port(box):
                continue  # part of the arrow to this box
            if target == OUTSIDE and not has_output_port(box):
                continue  # part of the arrows from this box
            start: End = Port(box, True) if source == OUTSIDE else _exit(box.children[source])
            maker = None if source == OUTSIDE else box.children[source]
            ends = [Port(box, False)] if target == OUTSIDE else _entries(box.children[target])
            for end in ends:
                found.setdefault((start.id, end.id), Link(start, end, edge, maker))
    return [*found.values()]


def _entries(box: Box) -> Iterator[End]:
    """Yield where an arrow to a box ends."""
    if not box.children:
        yield box
    elif has_input_port(box):
        yield Port(box, True)
    else:
        for _, target in _readers(box):
            yield from _entries(box.children[target])


def _exit(box: Box) -> End:
    """Return where the arrows from a box begin."""
    while box.children and not has_output_port(box):
        source = next(ends[0] for ends in box.lines if ends[1] == OUTSIDE)
        if source == OUTSIDE:
            return Port(box, True)
        box = box.children[source]
    return Port(box, False) if box.children else box


def _into(box: Box) -> list[Ends]:
    if box.parent is None:
        return []
    return [ends for ends in box.parent.lines if ends[1] == box.place]


def _out_of(box: Box) -> list[Ends]:
    if box.parent is None:
        return []
    return [ends for ends in box.parent.lines if ends[0] == box.place]


def _readers(box: Box) -> list[Ends]:
    return [ends for ends in box.lines if ends[0] == OUTSIDE]
