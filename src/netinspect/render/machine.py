"""The formats for programs: plain, csv and json. Nothing is cut, rounded or coloured in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from netinspect.records.codec import to_data
from netinspect.records.reports import SCHEMA_VERSION
from netinspect.render.document import Block, Cell, Code, Document, Lines, Table
from netinspect.render.layout import wanted_columns
from netinspect.render.safe import safe

if TYPE_CHECKING:
    from netinspect.records.reports.registry import Report


def spell_plain(document: Document, columns: Sequence[str] | None = None) -> str:
    """Spell a view as lines of tab-separated fields under a header of lower-snake-case names.

    A view of several tables has a blank line between them; text with its own layout stays as it is.
    """
    blocks = []
    for block in document.blocks:
        if isinstance(block, Table):
            blocks.append("".join("\t".join(row) + "\n" for row in _records(block, columns)))
        elif isinstance(block, Code):
            blocks.append("".join(_annotated(block)))
        else:
            blocks.append("".join(safe(text) + "\n" for text in block.lines))
    return "\n".join(blocks)


def spell_csv(document: Document, columns: Sequence[str] | None = None) -> str:
    """Spell a view as comma-separated values (RFC 4180, lines end in a line feed)."""
    blocks = []
    for block in document.blocks:
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(_records(_as_table(block), columns))
        blocks.append(stream.getvalue())
    return "\n".join(blocks)


def spell_json(report: Report) -> str:
    """Spell a report's record itself, with the name and version of its schema."""
    identity = {"schema": f"netinspect-{report.name}", "schema_version": SCHEMA_VERSION}
    return json.dumps(identity | to_data(report), indent=2, allow_nan=False) + "\n"


def _records(table: Table, columns: Sequence[str] | None) -> Iterator[list[str]]:
    keys = [column.key for column in table.columns]
    wanted = [keys.index(key) for key in wanted_columns(table, columns) or keys]
    yield [keys[index] for index in wanted]
    for row in table.rows:
        yield [_field(row.cells[index]) for index in wanted]


def _field(cell: Cell) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe(value) if isinstance(value, str) else repr(value)


def _annotated(block: Code) -> Iterator[str]:
    for each in block.lines:
        yield safe(each.text.expandtabs(4)) + (f"  # {safe(each.note)}" if each.note else "") + "\n"


def _as_table(block: Block) -> Table:
    from netinspect.render.document import Column, Row, cell

    def table(keys: Iterable[str], rows: Iterable[tuple[str | int, ...]]) -> Table:
        return Table(
            name=block.name,
            columns=tuple(Column(key=key, title=key) for key in keys),
            rows=tuple(Row(cells=tuple(map(cell, row))) for row in rows),
        )

    if isinstance(block, Code):
        return table(
            ("line", "code", "shapes"),
            ((each.number, each.text, each.note) for each in block.lines),
        )
    if isinstance(block, Lines):
        return table(("text",), ((text,) for text in block.lines))
    return block
