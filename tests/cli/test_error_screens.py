"""Tests of errors on terminals of several widths, in real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_streams import on_a_terminal, without_colour

pytestmark = pytest.mark.slow

WIDTHS = [40, 60, 80, 120]


def error_lines(words: str, columns: int) -> list[str]:
    """Return the lines from the error message on, as printed."""
    shown = without_colour(on_a_terminal(words, columns))
    return ("error[" + shown.partition("error[")[2]).splitlines()


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("params saved.json --values", "netinspect params TARGET --values --save FILE"),
        ("summary lenet -i 1xx2", "x=2x3x32x32"),
        ("summary gone/with/a/rather/long/name/file.py:Net", "gone/with/a/rather/long/name/file.py"),
    ],
)  # fmt: skip
def test_error_is_wrapped_at_words(workshop: Path, words: str, whole: str, columns: int) -> None:
    lines = error_lines(words, columns)
    assert any(whole in line for line in lines), lines
    assert not any("…" in line for line in lines)
    for line in lines:
        # Only a command, or one long word, may be longer than a line.
        text = line.strip()
        assert len(line) <= columns or text.startswith("netinspect ") or " " not in text, line
    assert all(line.startswith("  ") for line in lines[1:])
