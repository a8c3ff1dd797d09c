"""Formats for programs: what a spreadsheet would run is inert, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest

from netinspect.rendering.document import Column, Document, Row, Table, cell, line
from netinspect.rendering.machine import dump_csv, dump_plain


def fields(*values: object) -> list[str]:
    """The fields of one row of csv."""
    columns = tuple(Column(key=f"c{n}", value=str) for n in range(len(values)))
    row = Row(cells=tuple(map(cell, values)))  # type: ignore[arg-type]
    table = Table(name="", columns=columns, rows=(row,))
    document = Document(title=line("x"), blocks=(table,), notes=())
    assert "\t".join(str(value) for value in values) in dump_plain(document)
    return list(csv.reader(io.StringIO(dump_csv(document))))[1]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "=HYPERLINK(0)",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "-1.5x",
        "--1",
        "+a",
        "-e5",
    ],
)
def test_a_formula_has_an_apostrophe_in_front(text: str) -> None:
    (found,) = fields(text)
    assert found == f"'{text}"


def test_numbers_and_marks_stay() -> None:
    values = (
        -1,
        -0.5,
        -1e-07,
        float("-inf"),
        "-1.5",
        "+3",
        "-1e-05",
        "-.5",
        "-",
        "+",
        "->",
        "a=b",
        "a-b",
    )
    assert fields(*values) == [str(value) for value in values]
