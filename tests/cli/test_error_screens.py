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
        ("source lenet -i 10x1x32x32", "--input x=10x1x28x28"),
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


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", ["summary", "trace", "cost", "source", "tree", "params"])
def test_failed_forward_is_explained_once(workshop: Path, command: str, columns: int) -> None:
    shown = without_colour(on_a_terminal(f"{command} lenet -i 10x1x32x32", columns))
    report, _, error = shown.partition("error[forward]: ")
    words = " ".join(error.split())
    assert "fc1 (Linear) failed in linear" in words
    assert "failed" not in report
    assert "the trace ends there" not in shown
    assert "400 = 16 * 5 * 5" in words
    # The carets are below the call of the layer.
    lines = error.splitlines()
    at = next(index for index, line in enumerate(lines) if "self.fc1(x)" in line)
    start = lines[at].index("self.fc1(x)")
    assert lines[at + 1].replace("|", " ") == " " * start + "^" * len("self.fc1(x)")
    # The explanation and the fixes are last.
    assert words.rindex("hint: to accept this input size") > words.index("400 = 16 * 5 * 5")


def test_red_is_only_for_the_failure(workshop: Path) -> None:
    error = on_a_terminal("summary lenet -i 10x1x32x32", 80).partition("error[forward]")[2]
    red = [line for line in error.splitlines()[1:] if "\x1b[1;91m" in line]
    assert [without_colour(line).strip(" |") for line in red] == ["^" * len("self.fc1(x)")]
