"""Tests of the layout of annotated code."""

from __future__ import annotations

import re

import pytest

from netinspect.rendering.document import Code, CodeLine, Document, line
from netinspect.rendering.drawing import draw, make_console
from netinspect.rendering.terminal import format_terminal

SOURCE = [
    ("class Net(nn.Module):", ""),
    ("    def __init__(self):", ""),
    ("        self.short = nn.Linear(1, 2)", "4 parameters"),
    ("        self.much_longer = nn.Linear(1, 2)", "4 parameters"),
    ("", ""),
    ("    def forward(self, x):", "(8,1)"),
    ("        x = F.relu(self.short(x)) + F.relu(self.much_longer(x))", "(8,1) -> (8,2) -> (8,2)"),
    ("        x = F.relu(x)", "(8,2) -> (8,2)"),
    ("        return x", "(8,2)"),
]


def code(*lines: tuple[str, str], first: int = 8, **options: object) -> Code:
    return Code(
        name="",
        lines=tuple(
            CodeLine(number=first + index, text=text, note=note, failed=False, **options)  # type: ignore[arg-type]
            for index, (text, note) in enumerate(lines)
        ),
    )


def shown(block: Code, width: int | None) -> list[str]:
    document = Document(title=line("net"), blocks=(block,))
    return format_terminal(document, width=width, color=False, ascii_only=False).splitlines()[1:]


def test_notes_are_aligned_in_each_function() -> None:
    assert shown(code(*SOURCE), 80) == [
        " 8  class Net(nn.Module):",
        " 9      def __init__(self):",
        "10          self.short = nn.Linear(1, 2)        # 4 parameters",
        "11          self.much_longer = nn.Linear(1, 2)  # 4 parameters",
        "12",
        "13      def forward(self, x):  # (8,1)",
        "14          x = F.relu(self.short(x)) + F.relu(self.much_longer(x))",
        "                # (8,1) -> (8,2) -> (8,2)",
        "15          x = F.relu(x)      # (8,2) -> (8,2)",
        "16          return x           # (8,2)",
    ]


def test_long_code_and_notes_are_wrapped() -> None:
    assert shown(code(*SOURCE[6:]), 40) == [
        " 8  x = F.relu(self.short(x)) +",
        "        F.relu(self.much_longer(x))",
        "        # (8,1) -> (8,2) -> (8,2)",
        " 9  x = F.relu(x)  # (8,2) -> (8,2)",
        "10  return x       # (8,2)",
    ]
    note = " -> ".join(["(8,2)"] * 8)
    assert shown(code(("x = f(x)", note)), 40) == [
        "8  x = f(x)",
        "       # (8,2) -> (8,2) -> (8,2) ->",
        "       # (8,2) -> (8,2) -> (8,2) ->",
        "       # (8,2) -> (8,2)",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120, None])
def test_source_is_never_cut(width: int | None) -> None:
    lines = shown(code(*SOURCE), width)
    assert width is None or max(map(len, lines)) <= width
    assert not any("…" in each for each in lines)
    text = "".join("".join(lines).split())
    for source, note in SOURCE:
        for part in (*source.split(), *note.split()):
            assert part in text
    if width is None:
        # A program that reads the lines gets each with its note.
        assert len(lines) == len(SOURCE)


def test_line_that_keeps_the_shape_is_dimmed() -> None:
    console = make_console(width=80, color_system="standard")
    block = code(("x = F.relu(x)", "(8,2) -> (8,2)"), note_style="shape_same")
    document = Document(title=line("net"), blocks=(block,))
    _, drawn = draw(document, console, 80)
    assert all(each.style is not None and each.style.dim for each in drawn if each.text.strip())


def test_wrapped_lines_fit_with_wide_characters() -> None:
    lines = shown(code(('x = "' + "层" * 60 + '"  # ' + "层 " * 20, "(8,2)")), 40)
    assert len(lines) > 3
    assert re.sub(r"\s", "", "".join(lines)).count("层") == 80
