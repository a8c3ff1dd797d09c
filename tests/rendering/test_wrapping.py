"""Tests of line breaks in messages and notes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Document, line
from netinspect.rendering.terminal import format_terminal
from netinspect.rendering.wrapping import wrap

COMMAND = "netinspect trace 'my model.py:Net' --save FILE"
LONG_PATH = "/a/folder/with/a/very/long/name/net.py"


def lines(text: str, width: int, hanging: int = 2, *, fold: bool = False) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width, hanging, fold=fold)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", 13, ["one two three"]),
        ("one two three", 12, ["one two", "three"]),
        # The first line has no indentation, and so two cells more.
        ("aaaa bbb aaaa bbb", 8, ["aaaa bbb", "aaaa", "bbb"]),
        (f"save it again with: {COMMAND}", 60, ["save it again with:", COMMAND]),
        (f"save it again with: {COMMAND}", 30, ["save it again with:", COMMAND]),
        (f"cannot read {LONG_PATH} here", 24, ["cannot read", LONG_PATH, "here"]),
        ("the classes are 'a b' and 'c d'", 20, ["the classes are", "'a b' and 'c d'"]),
        ("the model's own example of 'c d'", 18, ["the model's own", "example of 'c d'"]),
        ("made by view (10, 16, 5, 5) here", 20, ["made by view", "(10, 16, 5, 5)", "here"]),
        ("these: --input 1x28 to --input 1x31", 20, ["these: --input 1x28", "to --input 1x31"]),
        ("fc1 got 400 = 16 * 5 * 5 of them", 20, ["fc1 got", "400 = 16 * 5 * 5", "of them"]),
        ("it now takes 2 x 384 B", 16, ["it now takes", "2 x 384 B"]),
        ("it takes 12.5 MiB", 14, ["it takes", "12.5 MiB"]),
    ],
)  # fmt: skip
def test_wrap_keeps_units_whole(text: str, width: int, expected: list[str]) -> None:
    assert lines(text, width) == expected


def test_wrap_folds_long_words_in_pictures() -> None:
    assert lines("x" * 20, 10, fold=True) == ["x" * 8, "x" * 8, "x" * 4]
    shown = lines(f"save it again with: {COMMAND}", 30, fold=True)
    assert " ".join(shown) == f"save it again with: {COMMAND}"
    assert max(map(len, shown)) <= 30


@given(st.text("ab '\"(),-:*1netispc层", max_size=80), st.integers(4, 60), st.booleans())
def test_wrap_loses_nothing(text: str, width: int, fold: bool) -> None:
    text = safe(text)
    shown = lines(text, width, fold=fold)
    assert "".join("".join(shown).split()) == "".join(text.split())
    for index, each in enumerate(shown):
        room = width - (2 if index else 0)
        assert cell_len(each) <= max(room, 2) or not fold
        assert not index or each == each.strip()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_notes_use_the_whole_width(width: int) -> None:
    document = Document(title=line("net"), blocks=(), notes=(line("ab " * 100),))
    first, second, *_ = format_terminal(
        document, width=width, color=False, ascii_only=False
    ).splitlines()[1:]
    assert len(first) >= width - 2
    assert second.startswith("  ab")
    assert len(second) <= width
