"""Bodies of calls: the boxes at one level, and the data flow lifted to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from netinspect.analysis.picture.calls import Call, Read
from netinspect.records.picture import OUTSIDE, Change, Edge

Ends = tuple[int, int]
"""Numbers of the source and the target of an edge in a body."""

Shape = tuple[int | str, ...]


class Box(NamedTuple):
    """One box of a body."""

    template: int
    name: str
    number: int = 1
    """Number of the call of the module."""

    inner: tuple[tuple[str, int], ...] = ()
    """The modules in a group, or in a chain of a group: their names and numbers of the calls."""


Tensors = dict[tuple[tuple[int, ...], Shape | None], int]
"""Bytes of tensors by what identifies one: its sources and shape."""


@dataclass
class Flow:
    """The tensors that flow along one edge."""

    sides: dict[str, Tensors] = field(default_factory=dict)
    """The tensors by model, in a comparison; otherwise all with the key ""."""

    in_object: bool = True

    def add(self, read: Read) -> None:
        """Add a tensor that is read."""
        self.sides.setdefault(read.side, {})[read.sources, read.shape] = read.bytes
        self.in_object = self.in_object and read.in_object

    def join(self, other: Flow) -> None:
        """Add all tensors of another edge."""
        for side, tensors in other.sides.items():
            self.sides.setdefault(side, {}).update(tensors)
        self.in_object = self.in_object and other.in_object

    def edge(self, source: int, target: int) -> Edge:
        """Return the edge between two boxes; in a comparison with what it is in the first model."""
        tensors = next(self.sides[side] for side in ("", "a", "b") if side in self.sides)
        shapes = _shapes(tensors)
        change: Change = ""
        if "" not in self.sides:
            change = "only_a" if "a" in self.sides else "only_b"
            if len(self.sides) == 2:
                change = "same" if {*shapes} == {*_shapes(self.sides["b"])} else "changed"
        return Edge(
            source=source,
            target=target,
            shapes=shapes,
            bytes=sum(tensors.values()),
            in_object=self.in_object,
            change=change,
        )


def _shapes(tensors: Tensors) -> tuple[Shape, ...]:
    return tuple(dict.fromkeys(shape for _, shape in tensors if shape is not None))


Flows = dict[Ends, Flow]


@dataclass
class Body:
    """The boxes of a call in order, and the edges between them."""

    boxes: list[Box]
    flows: Flows

    def edges(self) -> tuple[Edge, ...]:
        """Return the edges as records, sorted."""
        return tuple(flow.edge(*ends) for ends, flow in sorted(self.flows.items(), key=itemgetter(0)))


def lift_flows(calls: Sequence[Call]) -> list[Flows]:
    """Return the edges of the body of each call, with boxes numbered by their position in it.

    A tensor from call A to call B is one edge in the body that contains both, between the boxes that A
    and B are in; in each body further inside it comes from outside, or leaves it. Tensors in an object
    with state appear only in the body that contains both.
    """
    flows: list[Flows] = [{} for _ in calls]
    depths = [0] * len(calls)
    slots = [0] * len(calls)
    waiting = [index for index, call in enumerate(calls) if call.parent is None]
    for index in waiting:
        for slot, child in enumerate(calls[index].children):
            depths[child], slots[child] = depths[index] + 1, slot
        waiting += calls[index].children

    def add(body: int, source: int, target: int, read: Read) -> None:
        inside = flows[body]
        flow = inside.get((source, target))
        if flow is None:
            flow = inside[source, target] = Flow()
        flow.add(read)

    parents = [call.parent for call in calls]
    for index, call in enumerate(calls):
        for read in call.reads:
            for source in read.sources:
                one, other = source, index
                while one != other:
                    deeper, upper = depths[one] - depths[other], parents[one]
                    if deeper == 0 and upper == parents[other]:
                        if upper is not None:
                            add(upper, slots[one], slots[other], read)
                        break
                    if deeper >= 0 and upper is not None:
                        if not read.in_object:
                            add(upper, slots[one], OUTSIDE, read)
                        one = upper
                    if deeper <= 0:
                        above = parents[other]
                        if above is None:
                            break
                        if not read.in_object:
                            add(above, OUTSIDE, slots[other], read)
                        other = above
    return flows


def enclose(body: Body, parts: Sequence[range]) -> tuple[Flows, list[Flows]]:
    """Put consecutive boxes of a body together.

    Args:
        body: The body.
        parts: Ranges of boxes, in order, which contain each box once; the boxes of a range become one.

    Returns:
        The edges between the new boxes, and for each range the edges inside of it.
    """
    part_of = [number for number, part in enumerate(parts) for _ in part]
    outer: Flows = {}
    inner: list[Flows] = [{} for _ in parts]

    def put(flows: Flows, ends: Ends, flow: Flow) -> None:
        flows.setdefault(ends, Flow()).join(flow)

    for (source, target), flow in body.flows.items():
        from_part = part_of[source] if source != OUTSIDE else OUTSIDE
        to_part = part_of[target] if target != OUTSIDE else OUTSIDE
        if from_part == to_part != OUTSIDE:
            start = parts[from_part].start
            put(inner[from_part], (source - start, target - start), flow)
            continue
        put(outer, (from_part, to_part), flow)
        if flow.in_object:
            continue
        if from_part != OUTSIDE:
            put(inner[from_part], (source - parts[from_part].start, OUTSIDE), flow)
        if to_part != OUTSIDE:
            put(inner[to_part], (OUTSIDE, target - parts[to_part].start), flow)
    return outer, inner
