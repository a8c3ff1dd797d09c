"""Tests of the line that is written over."""

from __future__ import annotations

from netinspect.rendering.live_line import ERASE, draw_line


def test_draw_line_replaces_line_and_cuts_long_text() -> None:
    text = "reading a file with a name that is longer than the terminal"
    drawn = draw_line(text, 1.0, 20, color=False, ascii_only=False)
    assert drawn.startswith(ERASE)
    shown = drawn.removeprefix(ERASE)
    assert shown[1:] == " reading a file w…"
    assert len(shown) == 19
    assert draw_line(text, 1.0, 20, color=True, ascii_only=False) == f"{ERASE}\x1b[2m{shown}\x1b[0m"


def test_draw_line_in_ascii_escapes_and_spins() -> None:
    drawn = [draw_line("a\x1b[31mb", at / 5, 20, color=False, ascii_only=True) for at in range(5)]
    assert all(each.isascii() for each in drawn)
    assert all(each.endswith(r" a\x1b[31mb") for each in drawn)
    assert len({each.removeprefix(ERASE)[0] for each in drawn}) > 2
