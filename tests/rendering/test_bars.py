"""Tests of bars, of the names of hidden columns, and of legends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netinspect.rendering.bars import share_bar
from netinspect.rendering.columns import count_column
from netinspect.rendering.document import Column, Document, Legend, line, make_table
from netinspect.rendering.markdown import format_markdown
from netinspect.rendering.terminal import format_terminal

COLUMNS: tuple[Column[int], ...] = (
    Column(key="name", value=lambda number: f"layer{number}"),
    count_column("size", lambda number: number, bar=lambda number: number),
    Column(key="kept", value=lambda _: "yes", drop=1),
    Column(key="seldom", value=lambda _: "seldom", drop=8),
)
DOCUMENT = Document(
    title=line("net"),
    blocks=(make_table("layers", COLUMNS, (1, 50, 100, 0)),),
    legends=(
        Legend(text="kept: it stays", about=("kept",)),
        Legend(text="seldom: rare", about=("seldom",)),
    ),
    notes=(line("a note"),),
)


def shown(width: int | None, *, ascii_only: bool = False, columns: tuple[str, ...] | None = None) -> str:
    return format_terminal(DOCUMENT, width=width, color=False, ascii_only=ascii_only, columns=columns)


@pytest.mark.parametrize(
    ("share", "width", "bar"),
    [
        (0, 4, ""),
        (1e-9, 4, "▏"),
        (0.25, 4, "█"),
        (0.5, 3, "█▌"),
        (0.99, 4, "████"),
        (1, 4, "████"),
        (2, 4, "████"),
    ],
)
def test_share_bar(share: float, width: int, bar: str) -> None:
    assert share_bar(share, width) == bar


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 12))
def test_share_bar_grows_with_share(one: float, other: float, width: int) -> None:
    low, high = (share_bar(share, width) for share in sorted((one, other)))
    assert len(low) <= len(high) <= width
    assert low.rstrip("▏▎▍▌▋▊▉") in high


def test_bars_are_relative_to_the_largest() -> None:
    assert shown(None).splitlines()[1:6] == [
        "name      size             kept  seldom",
        "layer1       1 ▏           yes   seldom",
        "layer50     50 █████       yes   seldom",
        "layer100   100 ██████████  yes   seldom",
        "layer0       0             yes   seldom",
    ]


@pytest.mark.parametrize(
    ("width", "longest", "columns"),
    [
        (39, 10, ["name", "size", "kept", "seldom"]),
        (38, 10, ["name", "size", "kept"]),
        (31, 10, ["name", "size", "kept"]),
        (30, 9, ["name", "size", "kept"]),
        (24, 3, ["name", "size", "kept"]),
        (23, 0, ["name", "size", "kept"]),
        (20, 0, ["name", "size", "kept"]),
        (19, 4, ["name", "size"]),
    ],
)
def test_bars_take_the_rest_of_the_width(width: int, longest: int, columns: list[str]) -> None:
    text = shown(width)
    assert text.splitlines()[1].split() == columns
    assert text.count("█") == longest + longest // 2
    assert max(map(len, text.splitlines()[1:6])) <= width
    assert "layer100" in text


def test_bars_in_ascii() -> None:
    lines = shown(39, ascii_only=True).splitlines()
    assert [row.split()[2:3] for row in lines[2:5]] == [["."], ["#####"], ["##########"]]


def test_dropped_columns_are_named() -> None:
    assert "hidden" not in shown(None)
    assert "hidden" not in shown(39)
    assert "hidden at this width: seldom (--columns)" in shown(38).replace("\n  ", " ")
    hidden = shown(18).replace("\n  ", " ")
    assert "hidden at this width: kept, 1 more (--columns)" in hidden
    assert "hidden" not in shown(20, columns=("name", "size", "kept", "seldom"))


def test_legends_are_shown_with_their_columns() -> None:
    for text in (shown(39), format_markdown(DOCUMENT)):
        assert "kept: it stays" in text
        assert text.index("seldom: rare") < text.index("a note")
    assert "kept: it stays" in shown(38)
    assert "seldom: rare" not in shown(38)
    assert "kept: it stays" not in shown(None, columns=("name",))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_bars_of_a_process_without_color(encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "TERM": "dumb"}
    words = ["cost", "lenet", "--format", "rich", "--width", "80"]
    out = subprocess.run(
        [sys.executable, "-m", "netinspect", *words], env=environment, capture_output=True, check=True
    ).stdout
    assert b"\x1b" not in out
    assert ("##########" if encoding == "ascii" else "█" * 10) in out.decode(encoding)
    assert "hidden at this width: " in out.decode(encoding)
