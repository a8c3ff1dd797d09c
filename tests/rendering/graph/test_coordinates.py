"""Tests of `netinspect.rendering.graph.coordinates`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netinspect.analysis.picture.places import all_places
from netinspect.records.picture import OUTSIDE, Picture
from netinspect.rendering.graph.boxes import PlacedBox, Route
from netinspect.rendering.graph.contents import SMALL
from netinspect.rendering.graph.coordinates import Direction, lay_out
from netinspect.rendering.graph.text_width import text_width
from tests.rendering.graph.pictures import pictures

DIRECTIONS: tuple[Direction, ...] = ("TB", "LR")
Rectangle = tuple[float, float, float, float]


def boxes_in(box: PlacedBox) -> Iterator[PlacedBox]:
    yield box
    for child in box.children:
        yield from boxes_in(child)


def rectangle(box: PlacedBox) -> Rectangle:
    return (box.x, box.y, box.x + box.width, box.y + box.height)


def overlap(first: Rectangle, second: Rectangle) -> bool:
    return (
        first[0] < second[2] - 0.01
        and second[0] < first[2] - 0.01
        and first[1] < second[3] - 0.01
        and second[1] < first[3] - 0.01
    )


def contains(outer: Rectangle, inner: Rectangle) -> bool:
    return (
        outer[0] <= inner[0] + 0.01
        and outer[1] <= inner[1] + 0.01
        and inner[2] <= outer[2] + 0.01
        and inner[3] <= outer[3] + 0.01
    )


def points_along(route: Route, direction: Direction) -> Iterator[tuple[float, float]]:
    """Yield points on a route, close together."""
    for (x1, y1), (x2, y2) in zip(route.points, route.points[1:], strict=False):
        for step in range(21):
            part = step / 20
            # A cubic curve whose control points are half-way along the flow.
            eased, even = part * part * (3 - 2 * part), 1.5 * part * (1 - part) + part**3
            along, across = (even, eased) if direction == "LR" else (eased, even)
            yield (x1 + (x2 - x1) * along, y1 + (y2 - y1) * across)


def label_rectangles(box: PlacedBox) -> list[Rectangle]:
    found = []
    for label in box.labels:
        width = text_width(label.text, SMALL)
        left = label.x - width if label.at_end else label.x
        found.append((left, label.y - 9, left + width, label.y + 2))
    return found


def opened(picture: Picture) -> list[tuple[int, ...]]:
    return [place.numbers for place in all_places(picture) if place.template.items]


@settings(max_examples=60)
@given(picture=pictures(), direction=st.sampled_from(DIRECTIONS), data=st.data())
def test_lay_out_random_pictures(picture: Picture, direction: Direction, data: st.DataObject) -> None:
    places = opened(picture)
    chosen = data.draw(st.one_of(st.just(set(places)), st.sets(st.sampled_from(places))))
    unrolled = data.draw(st.sets(st.sampled_from([*places, (0,)])))
    root = lay_out(picture, {(), *chosen}, direction=direction, unrolled=unrolled)
    for box in boxes_in(root):
        frames = [rectangle(child) for child in box.children]
        assert all(contains(rectangle(box), frame) for frame in frames)
        for place, frame in enumerate(frames):
            assert not any(overlap(frame, other) for other in frames[place + 1 :])
        labels = label_rectangles(box)
        for place, label in enumerate(labels):
            assert contains(rectangle(box), label)
            assert not any(overlap(label, frame) for frame in frames)
            assert not any(overlap(label, other) for other in labels[place + 1 :])
        along = 0 if direction == "LR" else 1
        for route in box.routes:
            ways = [point[along] for point in route.points]
            assert ways == sorted(ways)
            assert ways[0] < ways[-1]
            for x, y in points_along(route, direction):
                for left, top, right, bottom in frames:
                    assert not (left + 0.5 < x < right - 0.5 and top + 0.5 < y < bottom - 0.5)
            if route.source != OUTSIDE and route.target != OUTSIDE:
                first, last = frames[route.source], frames[route.target]
                assert first[along + 2] <= last[along]


@settings(max_examples=10)
@pytest.mark.parametrize("direction", DIRECTIONS)
@given(picture=pictures())
def test_lay_out_is_deterministic(direction: Direction, picture: Picture) -> None:
    places = opened(picture)
    assert lay_out(picture, places, direction=direction) == lay_out(
        picture, places[::-1], direction=direction
    )
