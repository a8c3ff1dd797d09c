"""Tests of the line that is written over."""

from __future__ import annotations

import io

from netinspect.rendering.live_line import live_line


class Closed(io.StringIO):
    """Terminal that was closed."""

    refused = 0

    def write(self, text: str) -> int:
        self.refused += 1
        raise OSError(5, "Input/output error")


def test_live_line_cuts_long_text() -> None:
    stream = io.StringIO()
    with live_line(stream, 20) as draw:
        draw("reading a file with a name that is longer than the terminal")
    assert "reading a file with…" in stream.getvalue()
    assert "\x1b[1A\x1b[2K\x1b[1A" not in stream.getvalue()


def test_live_line_ignores_closed_terminal() -> None:
    stream = Closed()
    with live_line(stream, 20) as draw:
        before = stream.refused
        draw("reading")
        assert stream.refused > before
