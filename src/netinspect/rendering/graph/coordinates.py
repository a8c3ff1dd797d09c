"""Coordinates of a picture: where each box, edge and label is.

Rows and their order come from `Template.layers`. Here boxes get sizes from their texts, and rows get
coordinates: in each row, the boxes are as near as possible to the mean of their neighbours in the rows
before and after (least squares with minimum distances, by pooling adjacent violators).

Each box has an anchor, the line on which data enters and leaves it. The anchor of an open box is that
of its port, so that the main path of a model is one straight line through all open boxes.

All lengths are computed along the flow of the data and across it; only the result has x and y.
The page has a translation of this module into JavaScript.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Literal

from netinspect.analysis.picture.layers import project, stubs
from netinspect.analysis.picture.places import items_in
from netinspect.records.picture import OUTSIDE, Edge, Picture, PictureItem, Template
from netinspect.rendering.graph.boxes import Body, Entry, Label, Line, Numbers, PlacedBox, Route, Sized
from netinspect.rendering.graph.contents import (
    SMALL,
    TextLine,
    box_lines,
    name_of,
    shapes_text,
)
from netinspect.rendering.graph.fitting import Across, fit_rows
from netinspect.rendering.graph.routes import points_of, ways
from netinspect.rendering.graph.text_width import cut, text_width

Direction = Literal["TB", "LR"]

PAD = 10.0
"""Space between the border of a box and its text."""

MARGIN = 14.0
"""Space between the border of an open box and its body."""

_LEAST_WIDTH = 56.0
_STRAIGHT = 22.0
_BENT = 30.0
_MOST_BENT = 54.0
"""Distances of two rows: if all edges between them are straight, and if not."""

_PORT = 8.0
"""Length of the way from a port to the first row, and from the last row to the border."""

_LABEL = 13.0
"""Height of a label."""

_STUB = 16.0
"""Length of the arrow of a stub."""

_MOST_LABEL = 150.0


def lay_out(
    picture: Picture,
    open_boxes: Collection[Numbers],
    *,
    direction: Direction = "TB",
    heat: str = "macs",
    unrolled: Collection[Numbers] = (),
) -> PlacedBox:
    """Return the root of a picture with all boxes in it, at (0, 0).

    Args:
        picture: The picture.
        open_boxes: Places of the open boxes; a box is drawn open only if all boxes around it are open.
            If one of the boxes of an item is open, it is drawn in place of the item.
        direction: Flow of the data: down (`TB`) or to the right (`LR`).
        heat: The amount that boxes show, such as `macs`.
        unrolled: Places of the first boxes of items that are drawn as a column of boxes.
    """
    layout = _Layout(picture, frozenset(open_boxes), frozenset(unrolled), direction == "LR", heat)
    root = layout.size_of(Entry(picture.root, (), None, 0, None))
    return layout.placed(root, 0.0, 0.0)


class _Layout:
    """Layout of one picture."""

    def __init__(
        self,
        picture: Picture,
        open_boxes: frozenset[Numbers],
        unrolled: frozenset[Numbers],
        is_right: bool,
        heat: str,
    ) -> None:
        self._picture = picture
        self._open = open_boxes
        self._unrolled = unrolled
        self._is_right = is_right
        self._heat = heat
        self._lines: dict[tuple[int, PictureItem | None, int | None, bool], tuple[TextLine, ...]] = {}

    def size_of(self, entry: Entry) -> Sized:
        """Return a box with its size, and with its body if it is open."""
        template = self._picture.templates[entry.template]
        is_open = bool(template.items) and (entry.is_column or entry.numbers in self._open)
        box = Sized(entry, self._lines_of(entry, template, is_open))
        box.is_open = is_open
        width = max(_LEAST_WIDTH, 2 * PAD + max((line.width for line in box.lines), default=0.0))
        height = 2 * 5.0 + sum(line.height for line in box.lines)
        if is_open:
            self._lay_out_body(box, template, width, height)
        else:
            box.length, box.breadth = (width, height) if self._is_right else (height, width)
            box.anchor = box.breadth / 2
        return box

    def _lines_of(self, entry: Entry, template: Template, is_open: bool) -> tuple[TextLine, ...]:
        failed = entry.numbers == self._picture.failed_path and bool(entry.numbers)
        key = (entry.template, entry.item, entry.shown, is_open)
        if not failed and key in self._lines:
            return self._lines[key]
        lines = box_lines(
            self._picture,
            template,
            entry.item,
            shown=entry.shown,
            is_open=is_open,
            heat=self._heat,
            failed_here=failed,
        )
        if not failed:
            self._lines[key] = lines
        return lines

    # Bodies

    def _body_of(self, entry: Entry, template: Template) -> Body:
        if entry.is_column and entry.item is not None:
            return self._column_of(entry, entry.item)
        entries = []
        number = 0
        for index, item in enumerate(items_in(self._picture, template, entry.item, entry.shown or 0)):
            first = (*entry.numbers, number)
            is_column = item.count > 1 and first in self._unrolled
            shown = None if item.count > 1 else 0
            if not is_column and item.count > 1:
                for occurrence in range(item.count):
                    if (*entry.numbers, number + occurrence) in self._open:
                        # The first one is drawn for all.
                        shown = occurrence or None
                        break
            numbers = (*entry.numbers, number + (shown or 0))
            entries.append(Entry(item.template, numbers, item, index, shown, is_column))
            number += item.count
        projected = project(template.edges, template.items)
        hidden = stubs(projected)
        lines = [Line(*ends, edge) for ends, edge in projected.items() if ends not in hidden]
        short = [Line(*ends, edge) for ends, edge in projected.items() if ends in hidden]
        return Body(tuple(entries), template.layers, tuple(lines), tuple(short))

    def _column_of(self, entry: Entry, item: PictureItem) -> Body:
        """Return the body of an item of which all boxes are drawn."""
        before, first = entry.numbers[:-1], entry.numbers[-1]
        entries = tuple(
            Entry(entry.template, (*before, first + each), item, each, each)
            for each in range(item.count)
        )
        output = self._picture.templates[entry.template].output
        shapes = tuple(dict.fromkeys(each.spec.shape for each in output))
        ends = [OUTSIDE, *range(item.count), OUTSIDE]
        lines = tuple(
            Line(source, target, Edge(source=source, target=target, shapes=shapes))
            for source, target in pairwise(ends)
        )
        return Body(entries, [(each,) for each in range(item.count)], lines, ())

    def _lay_out_body(self, box: Sized, template: Template, width: float, height: float) -> None:
        body = self._body_of(box.entry, template)
        box.body = body
        children = [self.size_of(entry) for entry in body.entries]
        box.children = children
        box.heading = height
        port_label = self._label_sides(box, body, children)
        has_in = any(line.source == OUTSIDE for line in body.lines)
        has_out = any(line.target == OUTSIDE for line in body.lines)
        at = fit_rows(body, children)
        # The room around the anchors; a port is at 0.
        low = min([each_at - each.before for each_at, each in zip(at.boxes, children, strict=True)])
        high = max([each_at + each.after for each_at, each in zip(at.boxes, children, strict=True)])
        for row in at.dummies:
            low = min([low, *row.values()])
            high = max([high, *row.values()])
        if has_in or has_out:
            low, high = min(low, 0.0), max(high, 0.0)
        if has_in:
            high = max(high, self._across_label(port_label)[1])
        heading_along = 0.0 if self._is_right else height
        heading_across = height if self._is_right else 0.0
        side = MARGIN
        if not self._is_right:
            # The heading may be wider than the body.
            side = max(MARGIN, (width - (high - low)) / 2)
        box.breadth = heading_across + 2 * side + high - low
        shift = heading_across + side - low
        box.anchor = shift if has_in or has_out else box.breadth / 2
        along = self._place_rows(box, body, at, heading_along, shift, port_label, has_in, has_out)
        box.length = max(along, width) if self._is_right else along

    def _label_sides(self, box: Sized, body: Body, children: Sequence[Sized]) -> str:
        """Choose the labels of a body and reserve room for them; return that of the port."""
        into: dict[int, set[tuple[tuple[int | str, ...], ...]]] = {}
        out: dict[int, list[Line]] = {}
        for line in body.lines:
            into.setdefault(line.target, set()).add(line.edge.shapes)
            out.setdefault(line.source, []).append(line)
        hubs: dict[int, int] = {}
        for line in body.stubs:
            if not line.edge.in_object:
                hubs[line.source] = hubs.get(line.source, 0) + 1
        names: dict[int, list[str]] = {}
        for line in body.stubs:
            if line.target != OUTSIDE:
                names.setdefault(line.target, []).append(self._stub_name(line, body))
        port_label = ""
        for source in [*range(len(children)), OUTSIDE]:
            lines = out.get(source, [])
            shapes = tuple(dict.fromkeys(sizes for line in lines for sizes in line.edge.shapes))
            kind = self._picture.templates[children[source].entry.template].kind if source >= 0 else ""
            is_new = source == OUTSIDE or into.get(source) != {shapes}
            text = ""
            if shapes and kind != "input" and (is_new or len(lines) > 1):
                text = shapes_text(shapes)
            if hubs.get(source, 0):
                text = f"{text} → {hubs[source]} readers".strip()
            text = cut(text, _MOST_LABEL, SMALL)
            if source == OUTSIDE:
                port_label = text
            else:
                children[source].out_label = text
        for index, child in enumerate(children):
            child.stub = cut(", ".join(dict.fromkeys(names.get(index, ()))), _MOST_LABEL, SMALL)
            before, after = self._across_label(child.out_label)
            child.before = max(child.anchor, before)
            child.after = max(child.breadth - child.anchor, after)
            if child.stub:
                room = _LABEL + 3 if self._is_right else text_width(child.stub, SMALL) + _STUB + 4
                child.before = max(child.before, child.anchor + room)
        return port_label

    def _stub_name(self, line: Line, body: Body) -> str:
        if line.source == OUTSIDE:
            return "state" if line.edge.in_object else shapes_text(line.edge.shapes[:1]) or "outside"
        entry = body.entries[line.source]
        template = self._picture.templates[entry.template]
        if template.kind == "module" and entry.item is not None:
            return name_of(template, entry.item, entry.shown)
        return cut(template.label, _MOST_LABEL, SMALL)

    def _across_label(self, text: str) -> tuple[float, float]:
        """Return the room across the flow that a label needs on both sides of its edge."""
        if not text:
            return (0.0, 0.0)
        return (_LABEL, 0.0) if self._is_right else (0.0, text_width(text, SMALL) + 6)

    def _along_label(self, text: str) -> float:
        if not text:
            return 0.0
        return text_width(text, SMALL) + 10 if self._is_right else _LABEL

    # Rows

    def _place_rows(
        self,
        box: Sized,
        body: Body,
        at: Across,
        start: float,
        shift: float,
        port_label: str,
        has_in: bool,
        has_out: bool,
    ) -> float:
        """Place the rows of a body along the flow; return the length of the box."""
        children = box.children
        count = len(children)
        found = ways(body, at, count)
        bends = [0.0] * (len(body.rows) + 1)
        for way in found:
            for gap, first, second in way.bends:
                bends[gap] = max(bends[gap], abs(second - first))
        along = start
        port_end = start
        if has_in:
            port_end = along + self._along_label(port_label)
            along = port_end + max(_PORT, _gap(bends[0]) - _PORT)
        else:
            along += MARGIN
        starts, ends = [], []
        for number, row in enumerate(body.rows):
            if number:
                along += _gap(bends[number])
            starts.append(along)
            longest = 0.0
            for vertex in row:
                if vertex >= 0:
                    child = children[vertex]
                    child.start = along
                    child.offset = shift + at.boxes[vertex] - child.anchor
                    longest = max(longest, child.length + self._along_label(child.out_label))
                    if self._is_right and child.stub:
                        longest = max(longest, text_width(child.stub, SMALL) + _STUB)
            along += longest
            ends.append(along)
        length = along + (max(_PORT, _gap(bends[-1]) - _PORT) if has_out else MARGIN)
        for way in found:
            points = points_of(way, children, starts, ends, start, port_end, length, shift)
            edge = way.line.edge
            box.routes.append(Route(way.line.source, way.line.target, self._turned(points), edge))
        if has_in:
            box.ports += self._turned([(start, shift)])
        if has_out:
            box.ports += self._turned([(length, shift)])
        self._place_labels(box, body, shift, start, port_label)
        return length

    def _place_labels(self, box: Sized, body: Body, shift: float, start: float, port_label: str) -> None:
        texts = [(OUTSIDE, port_label, start, shift)]
        for index, child in enumerate(box.children):
            anchor = child.offset + child.anchor
            texts.append((index, child.out_label, child.start + child.length, anchor))
        for source, text, along, across in texts:
            if text:
                x, y = (along + 5, across - 4) if self._is_right else (across + 5, along + _LABEL - 2)
                box.labels.append(Label(x, y, text, source))
        labelled = set()
        for line in body.stubs:
            # Several stubs of a box are one label.
            if line.target == OUTSIDE or line.target in labelled:
                continue
            labelled.add(line.target)
            reader = box.children[line.target]
            if self._is_right:
                x, y = reader.start, reader.offset
                box.labels.append(Label(x + 12, y - 5, reader.stub, line.source))
                points = ((x + 6, y - _LABEL), (x + 6, y))
            else:
                x, y = reader.offset, reader.start + min(reader.length / 2, 14)
                box.labels.append(Label(x - _STUB, y + 3.5, reader.stub, line.source, at_end=True))
                points = ((x - _STUB + 3, y), (x, y))
            box.stub_routes.append(Route(line.source, line.target, points, line.edge))

    def _turned(self, points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """Return points along and across the flow as x and y."""
        if self._is_right:
            return tuple(points)
        return tuple((across, along) for along, across in points)

    # The result

    def placed(self, box: Sized, x: float, y: float) -> PlacedBox:
        """Return a box, and all boxes in it, with coordinates in the whole drawing."""
        width, height = (box.length, box.breadth) if self._is_right else (box.breadth, box.length)
        children = []
        for child in box.children:
            along, across = child.start, child.offset
            dx, dy = (along, across) if self._is_right else (across, along)
            children.append(self.placed(child, x + dx, y + dy))
        entry = box.entry
        return PlacedBox(
            numbers=entry.numbers,
            template=entry.template,
            item=entry.place,
            shown=entry.shown,
            x=x,
            y=y,
            width=width,
            height=height,
            anchor=(y if self._is_right else x) + box.anchor,
            is_open=box.is_open,
            lines=box.lines,
            heading=box.heading,
            children=tuple(children),
            routes=tuple(_moved(route, x, y) for route in box.routes),
            labels=tuple(label._replace(x=label.x + x, y=label.y + y) for label in box.labels),
            stubs=tuple(_moved(route, x, y) for route in box.stub_routes),
            ports=tuple((px + x, py + y) for px, py in box.ports),
        )


def _moved(route: Route, x: float, y: float) -> Route:
    return route._replace(points=tuple((px + x, py + y) for px, py in route.points))


def _gap(bend: float) -> float:
    return _STRAIGHT if bend < 0.5 else min(_MOST_BENT, _BENT + 0.06 * bend)
