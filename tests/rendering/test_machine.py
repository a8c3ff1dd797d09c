"""Tests of the machine formats: formulas are escaped, numbers are unchanged."""

from __future__ import annotations

import csv
import io

import pytest

from netinspect.rendering.document import Column, Document, Row, Table, cell, line
from netinspect.rendering.machine import dump_csv, dump_plain


def fields(*values: object) -> list[str]:
    """Return the fields of one row of CSV."""
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
def test_dump_csv_prefixes_formulas_with_apostrophe(text: str) -> None:
    (found,) = fields(text)
    assert found == f"'{text}"


def test_dump_csv_leaves_numbers_and_marks_unchanged() -> None:
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
