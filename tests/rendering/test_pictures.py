"""Tests of SVG pictures: well-formed, self-contained, escaped, aligned, deterministic."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from netinspect.rendering.document import Code, CodeLine, Column, Document, Lines, line, make_table
from netinspect.rendering.drawing import draw, make_console
from netinspect.rendering.pictures import PALETTE, format_svg

HOSTILE = [
    "</text><script>alert(1)</script>",
    "]]></style>",
    "</title></pre>",
    "&amp;&#160;",
    '" onload="alert(1)',
    "\x1b[31m\x00\x07",
    "\ud800",
    "\ufffe\uffff",
    "{0}{code}\\1",
    "[red]loud[/red]",
]
SVG = "{http://www.w3.org/2000/svg}"


def document(*names: str, note: str = "") -> Document:
    columns = (
        Column[str](key="name", value=str, style=lambda _: "name", tree=True),
        Column[str](key="size", value=len, align="right"),
    )
    return Document(
        title=line((names[0], "title"), (f"  {names[-1]}", "hint")),
        blocks=(
            make_table(names[0], columns, names),
            Code(
                name="code",
                lines=tuple(
                    CodeLine(number=1, text=f"x = {each!r}  # dim", note=each, failed=False)
                    for each in names
                ),
            ),
            Lines(name=names[0], lines=names),
        ),
        notes=(line((note, "warning")),) if note else (),
        failure=(line(names[0]),),
    )


def shown_svg(picture: str) -> str:
    """Return the text that a picture shows, with each text in its row and column."""
    rows: dict[float, str] = {}
    for text in ElementTree.fromstring(picture).iter(f"{SVG}text"):
        row = rows.setdefault(float(text.attrib["y"]), "")
        at = round(float(text.attrib["x"]) / 12.04)
        assert cell_len(row) <= at
        assert round(float(text.attrib["textLength"]) / 12.04) == cell_len(text.text or "")
        rows[float(text.attrib["y"])] = row + " " * (at - cell_len(row)) + (text.text or "")
    assert len({round(y % 24.4, 1) for y in rows}) == 1
    return "\n".join(row.replace("\xa0", " ").rstrip() for row in rows.values())


def drawn(given: Document) -> str:
    lines = draw(given, make_console(width=80), None, least_width=80)
    return "\n".join("".join(each.text for each in segments).rstrip() for segments in lines)


@pytest.mark.parametrize("name", HOSTILE)
def test_picture_escapes_hostile_names(name: str) -> None:
    given = document(name, note=name)
    text = format_svg(given)
    assert "<script" not in text
    assert "alert(1)>" not in text
    text.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\ufffe\uffff]", text)
    expected = [row for row in drawn(given).splitlines() if row]
    assert shown_svg(text).splitlines() == expected
    assert ElementTree.fromstring(text)[0].tag == f"{SVG}title"


def test_picture_places_wide_characters() -> None:
    picture = format_svg(document("层权重", "e\u0301tage", "🙂", "plain"))
    assert "层权重" in picture
    assert shown_svg(picture)


def test_picture_is_self_contained() -> None:
    text = format_svg(document("conv1")).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"https?:|url\(|@import|@font-face|<link|<script|<img|src=|href=|\bon\w+=", text
    )


def test_picture_wraps_notes_at_content() -> None:
    shown = shown_svg(format_svg(document("conv1", note="word " * 100)))
    widths = [cell_len(row) for row in shown.splitlines()]
    assert 70 < max(widths) <= 80
    narrow = format_svg(document("conv1"), 20)
    assert float(ElementTree.fromstring(narrow).attrib["width"]) < 300


def test_picture_is_deterministic() -> None:
    code = "from tests.rendering.test_pictures import *\nprint(format_svg(document('conv1', '层')))"
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second != b""


def test_picture_has_light_and_dark_colors() -> None:
    given = document("conv1", note="note")
    light, dark = format_svg(given).split("@media (prefers-color-scheme: dark)")
    for name in ("background", "foreground", "black", "blue", "yellow"):
        assert PALETTE[name][0] in light
        assert PALETTE[name][1] in dark
        assert PALETTE[name][0] not in dark


def luminance(color: str) -> float:
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("side", [0, 1])
def test_palette_has_enough_contrast(side: int) -> None:
    """WCAG 2.1, success criterion 1.4.3: at least 4.5 for text."""
    background, *others = (pair[side] for pair in PALETTE.values())
    assert len({background, *others}) == len(PALETTE)
    for color in others:
        low, high = sorted(map(luminance, (background, color)))
        assert (high + 0.05) / (low + 0.05) >= 4.5
