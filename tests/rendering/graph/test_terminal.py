"""Tests of the graph as text: the lines that are drawn are the edges of the picture."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netinspect
from netinspect.analysis.picture.layers import project, stubs
from netinspect.records.picture import OUTSIDE, Picture, Template
from netinspect.rendering.graph.tracks import MARKER, MOST_TRACKS, draw_tracks
from netinspect.reports.render import lay_out
from tests.rendering.graph.track_reader import read_tracks
from tests.support import Outcome


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Rows that read earlier rows."""
    count = draw(st.integers(1, 30))
    near = draw(st.booleans())
    reads = []
    for row in range(count):
        earlier = st.integers(max(0, row - 4) if near else 0, row - 1)
        reads.append(sorted(draw(st.sets(earlier, max_size=4))) if row else [])
    return reads


@given(graphs())
def test_tracks_are_the_edges(reads: list[list[int]]) -> None:
    drawn = draw_tracks(reads, ["●"] * len(reads))
    assert len({len(guide) for guide in drawn.guides}) == 1
    assert len(drawn.guides[0]) <= 2 * MOST_TRACKS
    found = read_tracks(drawn.guides)
    for row, sources in enumerate(reads):
        assert found[row] | set(drawn.labels[row]) == set(sources), drawn.guides
        assert not found[row] & set(drawn.labels[row])


def test_tracks_of_a_residual_block() -> None:
    assert draw_tracks([[], [0], [1], [0, 2], [3]], ["○", "●", "●", "○", "●"]).guides == [
        "○   ",
        "├─● ",
        "│ ● ",
        "○─╯ ",
        "●   ",
    ]


def test_tracks_cross_without_joining() -> None:
    drawn = draw_tracks([[], [0], [0], [0], [1, 2, 3]], ["●"] * 5)
    assert drawn.guides == ["●     ", "├─●   ", "├─│─● ", "● │ │ ", "●─┴─╯ "]


def test_too_many_tracks_are_labels() -> None:
    count = MOST_TRACKS + 3
    reads: list[list[int]] = [[] for _ in range(count)] + [[each] for each in range(count)]
    drawn = draw_tracks(reads, ["●"] * len(reads))
    assert any(drawn.labels)
    assert len(drawn.guides[0]) == 2 * MOST_TRACKS


def edges_of_rows(picture: Picture, opened: set[tuple[int, ...]]) -> set[tuple[object, object]]:
    """Return the edges between rows, from the record alone: an open box stands for what it returns."""
    templates = picture.templates

    def ends_of(template: Template) -> tuple[list[int], dict[tuple[int, int], object]]:
        starts, number = [], 0
        for item in template.items:
            starts.append(number)
            number += item.count
        projected = project(template.edges, template.items)
        lines = {ends: edge for ends, edge in projected.items() if ends not in stubs(projected)}
        return starts, dict(lines)

    def makers(numbers: tuple[int, ...], template: Template) -> set[object]:
        if numbers not in opened:
            return {numbers}
        starts, lines = ends_of(template)
        sources = [source for source, target in lines if target == OUTSIDE]
        if len(sources) > 1:
            return {(*numbers, "output")}
        if sources in ([], [OUTSIDE]):
            return {numbers}
        item = template.items[sources[0]]
        return makers((*numbers, starts[sources[0]]), templates[item.template])

    found: set[tuple[object, object]] = set()

    def visit(numbers: tuple[int, ...], template: Template) -> None:
        starts, lines = ends_of(template)
        several = sum(target == OUTSIDE for _, target in lines) > 1
        for source, target in lines:
            if target == OUTSIDE and not several:
                continue
            given: set[object] = {numbers}
            if source != OUTSIDE:
                inner = template.items[source]
                given = makers((*numbers, starts[source]), templates[inner.template])
            reader = (*numbers, "output" if target == OUTSIDE else starts[target])
            found.update((each, reader) for each in given)
        for start, item in zip(starts, template.items, strict=True):
            if (*numbers, start) in opened:
                visit((*numbers, start), templates[item.template])

    visit((), templates[picture.root])
    return found


@pytest.mark.parametrize(
    "sample",
    ["lenet", "tiny_gpt", "resnet18", "unet", "two_inputs", "encoder", "lstm_tagger", "shared_layer"],
)
def test_rows_are_the_picture(sample: str) -> None:
    view = netinspect.graph(sample)
    (table,) = lay_out(view.record).blocks
    rows = table.with_guides().shown_rows  # type: ignore[union-attr]
    guides = [(row.guide or "").rstrip() for row in rows]
    width = max(len(guide) for guide in guides)
    tracks = read_tracks([guide[: len(guide)].ljust(width + 1) for guide in guides])
    places = [(*row.place[:-1], "output") if row.place[-1] == 1 << 30 else row.place for row in rows]
    opened = {row.place[:-1] for row in rows if row.place[:-1]}
    expected = edges_of_rows(view.record, opened)
    drawn = {(places[source], places[row]) for row, found in enumerate(tracks) for source in found}
    assert drawn == expected


def test_many_long_tracks_take_little_time() -> None:
    count = 1500
    reads = [[], *([row * 7919 % (row + 1)] for row in range(count))]
    started = time.perf_counter()
    drawn = draw_tracks(reads, [MARKER] * len(reads))
    assert time.perf_counter() - started < 10  # one track after another takes 30 s
    assert len(drawn.guides[0]) <= 2 * MOST_TRACKS


def test_graph_of_failed_forward(cli: Callable[..., Outcome]) -> None:
    outcome = cli("graph", "lenet", "-i", "10x1x32x32", "--format", "rich", "--width", "80")
    assert outcome.code == 4
    last = outcome.out.splitlines()[-1]
    assert re.match(r"✗   fc1 +Linear +FAILED", last)
    assert "fc1 expects 256 features" in outcome.err


def test_graph_without_a_run() -> None:
    text = str(netinspect.graph(netinspect.load("tiny_gpt", run=False)))
    assert "├─ attention_norm" in text
    assert "forward was not run" in text


def test_graph_opens_what_is_asked_for() -> None:
    view = netinspect.graph("tiny_gpt", open="blocks.1")
    rows = str(view).splitlines()
    assert any("▾     blocks.0..2  x3" in row for row in rows)
    assert any("●     attention " in row for row in rows)
    assert "blocks.1.attention\t" in view.text("plain")
