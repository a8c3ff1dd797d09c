"""Tests of HTML: well-formed, self-contained, escaped, deterministic, and with a tree that folds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import (
    Code,
    CodeLine,
    Column,
    Document,
    Lines,
    line,
    make_row,
    make_table,
)
from netinspect.rendering.html import format_html_fragment, format_html_page
from tests.rendering.html_reader import HtmlReader
from tests.rendering.test_pictures import HOSTILE

Format = Callable[[Document], str]
FORMATS = [format_html_page, format_html_fragment]
Item = tuple[int, str]
"""Level and name."""

COLUMNS = (
    Column[Item](key="name", value=lambda item: f"path.{item[1]}", text=lambda item: item[1], tree=True),
    Column[Item](key="size", value=lambda item: len(item[1]), align="right"),
    Column[Item](key="fact", value=lambda item: f"fact {item[1]}", shown=False),
    Column[Item](key="nothing", value=lambda _: None, shown=False),
)


def document(*items: Item, note: str = "") -> Document:
    names = tuple(name for _, name in items)
    return Document(
        title=line((names[0], "title"), (f"  {names[-1]}", "hint")),
        blocks=(
            make_table(
                names[0],
                COLUMNS,
                items,
                level=lambda item: item[0],
                style=lambda _: "warning",
                footer=[make_row(COLUMNS, {"name": "total", "size": "9"}, "total")],
            ),
            Code(
                name="code",
                lines=tuple(
                    CodeLine(number=1, text=f"x = {each!r}  # dim", note=each, failed=False)
                    for each in names
                ),
            ),
            Lines(name=names[0], lines=names),
        ),
        notes=(line((note or names[0], "warning")),),
        failure=(line(names[0]),),
    )


def outline(*levels: int) -> Document:
    return document(*((level, f"row{index}") for index, level in enumerate(levels)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", [*HOSTILE, "\u202eabc", "' onfocus='alert(1)"])
def test_html_escapes_hostile_names(format: Format, name: str) -> None:
    text = format(document((0, name), (1, name)))
    assert "<script" not in text
    assert "alert(1)>" not in text
    text.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ufffe\uffff]", text)
    reader = HtmlReader(text)
    assert not [name for _, attrs in reader.elements for name in attrs if name.startswith("on")]
    assert reader.rows[1][0][2].strip("\u00a0") == safe(name)
    assert reader.titles[1] == safe(f"path.{name}") + "\n" + safe(f"fact {name}").join(["fact: ", ""])
    # In the title, 2 rows, their code and notes, the printed lines, the note and the failure.
    assert reader.text.count(safe(name)) >= 11


@pytest.mark.parametrize("format", FORMATS)
def test_html_is_self_contained(format: Format) -> None:
    text = format(outline(0, 1, 2))
    assert not re.search(
        r"https?:|url\(|@import|@font-face|<link|<script|<img|src=|href=|\bon\w+=", text
    )


def test_html_fragment_affects_nothing_else() -> None:
    text = format_html_fragment(outline(0, 1, 2))
    reader = HtmlReader(text)
    assert not [attrs for _, attrs in reader.elements if "id" in attrs]
    outer = re.findall(
        r"^([^\s}][^{]*)\{", text.partition("<style>")[2].partition("</style>")[0], re.MULTILINE
    )
    assert len(outer) > 3
    assert all(selector.startswith(".netinspect") for selector in outer)


def test_html_is_deterministic() -> None:
    code = (
        "from tests.rendering.test_html import *\n"
        "print(format_html_fragment(outline(0, 1, 2)), format_html_page(document((0, '层'))))"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second != b""


def test_html_table_has_headers_of_rows_and_columns() -> None:
    reader = HtmlReader(format_html_fragment(outline(0, 1, 1)))
    head, *rows = reader.rows
    left, right = {"align": "left"}, {"align": "right"}
    assert head == [("th", {"scope": "col", **left}, "name"), ("th", {"scope": "col", **right}, "size")]
    assert [[cell[:2] for cell in row] for row in rows] == [
        [("th", {"scope": "row", **left}), ("td", right)]
    ] * 4
    assert [[cell[2].strip("\u00a0") for cell in row] for row in rows] == [
        ["row0", "4"],
        ["row1", "4"],
        ["row2", "4"],
        ["total", "9"],
    ]
    tags = [tag for tag, _ in reader.elements]
    assert [tags.count(tag) for tag in ("table", "thead", "tbody", "tfoot")] == [1, 1, 1, 1]


def test_html_title_of_row_has_facts_that_no_column_shows() -> None:
    reader = HtmlReader(format_html_fragment(outline(0, 1)))
    assert reader.titles == ["", "path.row0\nfact: fact row0", "path.row1\nfact: fact row1", ""]
    assert "on hover: fact\n" in reader.text
    reader = HtmlReader(format_html_fragment(outline(0, 1), columns=["name", "fact"]))
    assert reader.titles[1] == "path.row0\nsize: 4"
    assert [text for *_, text in reader.rows[0]] == ["name", "fact"]


@pytest.mark.parametrize("levels", [(0, 1, 2, 3, 3, 1, 2, 0), (1, 1, 3, 2, 5, 0, 0), (0,), (0, 0)])
def test_html_row_is_inside_branches_of_rows_above(levels: tuple[int, ...]) -> None:
    text = format_html_fragment(outline(*levels))
    reader = HtmlReader(text)
    bodies = [attrs for tag, attrs in reader.elements if tag == "tr"][1:-1]
    number = 0
    owners: list[tuple[int, int]] = []
    for index, (level, attrs) in enumerate(zip(levels, bodies, strict=True)):
        owners = [owner for owner in owners if owner[0] < level]
        expected = [f"u{owner}" for _, owner in owners]
        if index + 1 < len(levels) and levels[index + 1] > level:
            owners.append((level, number))
            expected.append(f"f{number}")
            number += 1
        assert attrs.get("class", "").split() == expected
    assert len(opened(outline(*levels))) == number
    assert text.count(":not(:has([open])) ~ .u") == number


def opened(found: Document) -> list[bool]:
    reader = HtmlReader(format_html_fragment(found))
    return ["open" in attrs for tag, attrs in reader.elements if tag == "details"]


def test_html_shows_about_a_screen_of_rows_at_first() -> None:
    assert opened(outline(0, *(1, 2, 2) * 7)) == [True] * 8
    assert opened(outline(0, *(1, 2, 2) * 8)) == [True] + [False] * 8
    # The first level is always shown.
    assert opened(outline(0, *(1, 2) * 50)) == [True] + [False] * 50


def test_html_page_has_title_and_fragment() -> None:
    found = outline(0, 1)
    page = format_html_page(found)
    assert page.startswith("<!DOCTYPE html>\n")
    assert format_html_fragment(found) in page
    assert "<title>row0  row1</title>" in page
    HtmlReader(page.removeprefix("<!DOCTYPE html>"))


def test_html_cuts_long_facts_but_no_names() -> None:
    columns = (
        Column[str](key="name", value=lambda name: name * 50, min_width=5),
        Column[str](key="size", value=len, align="right", drop=1),
        Column[str](key="fact", value=lambda name: name * 90, min_width=5),
    )
    found = Document(title=line("title"), blocks=(make_table("table", columns, ["ab"]),))
    reader = HtmlReader(format_html_fragment(found))
    # With the whole name, there is no room for the size.
    assert [text for *_, text in reader.rows[0]] == ["name", "fact"]
    (_, _, name), (_, attrs, fact) = reader.rows[1]
    assert name == "ab" * 50
    assert fact == "ab" * 14 + "a…"
    assert attrs["title"] == "ab" * 90
    assert reader.titles[1] == "size: 2"
