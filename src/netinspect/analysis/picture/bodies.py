"""Bodies of calls: the boxes at one level, and the data flow lifted to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from netinspect.analysis.picture.calls import Call, Read
from netinspect.records.picture import OUTSIDE, Edge

Ends = tuple[int, int]
"""Numbers of the source and the target of an edge in a body."""


class Box(NamedTuple):
    """One box of a body."""

    template: int
    name: str
    number: int = 1
    """Number of the call of the module."""


@dataclass
class Flow:
    """The tensors that flow along one edge."""

    tensors: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Bytes by what identifies a tensor: its sources and shape."""

    shapes: dict[tuple[int | str, ...], None] = field(default_factory=dict)
    in_object: bool = True

    def add(self, read: Read) -> None:
        """Add a tensor that is read."""
        self.tensors[(read.sources, read.shape)] = read.bytes
        if read.shape is not None:
            self.shapes[read.shape] = None
        self.in_object = self.in_object and read.in_object

    def join(self, other: Flow) -> None:
        """Add all tensors of another edge."""
        self.tensors.update(other.tensors)
        self.shapes.update(other.shapes)
        self.in_object = self.in_object and other.in_object


Flows = dict[Ends, Flow]


@dataclass
class Body:
    """The boxes of a call in order, and the edges between them."""

    boxes: list[Box]
    flows: Flows

    def edges(self) -> tuple[Edge, ...]:
        """Return the edges as records, sorted."""
        return tuple(
            Edge(
                source=source,
                target=target,
                shapes=tuple(flow.shapes),
                bytes=sum(flow.tensors.values()),
                in_object=flow.in_object,
            )
            for (source, target), flow in sorted(self.flows.items())
        )


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
