"""Machine formats (plain, csv, json): values are never cut, rounded or coloured."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import ClassVar, Protocol

from netinspect._utils.safe_text import safe
from netinspect.errors import Excerpt
from netinspect.records.base import SCHEMA_VERSION
from netinspect.records.codec import to_json
from netinspect.rendering.document import (
    Block,
    Cell,
    Code,
    Column,
    Document,
    Lines,
    Row,
    Table,
    make_table,
)
from netinspect.rendering.layout import wanted_columns
from netinspect.rendering.wrapping import mark


class Report(Protocol):
    """A report record and the name of its schema."""

    name: ClassVar[str]


_STARTS = frozenset("=+-@\t\r")
"""First characters of spreadsheet formulas."""

_NUMBER = re.compile(r"[+-](?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-inf|-nan|->")


def dump_plain(document: Document, columns: Sequence[str] | None = None) -> str:
    """Encode a document as tab-separated fields with a header of lower-snake-case names.

    Tables are separated by a blank line. Preformatted text follows its name unchanged. The last lines
    are comments: they begin with `# ` and contain the title, totals and notes.

    Args:
        document: The document.
        columns: Keys of the columns; None for those that people see by default.
    """
    blocks = []
    for block in document.blocks:
        if isinstance(block, Table):
            chosen = wanted_columns(block, columns) or [
                column.key
                for column in block.columns
                if (column.shown if column.in_plain is None else column.in_plain)
            ]
            blocks.append("".join(_line(row) for row in _records(block, chosen)))
        elif isinstance(block, Code):
            blocks.append("".join(_annotated(block)))
        else:
            blocks.append("".join(safe(text) + "\n" for text in (f"{block.name}:", *block.lines)))
    return "\n".join(blocks) + "".join(f"# {text}\n" for text in comments(document))


def comments(document: Document) -> list[str]:
    """Return what a document has besides records, one line each: title, totals, notes, failure."""
    lines = ["".join(span.text for span in document.title)]
    for block in document.blocks:
        if isinstance(block, Table):
            heading = f"{block.name}, " if document.has_heading(block) else ""
            lines += (heading + _total(block, row) for row in block.footer)
    for part in (*document.notes, *document.failure):
        if isinstance(part, Excerpt):
            # Blanks keep the marks below the marked part.
            lines += filter(None, mark(part, None)[0])
        else:
            lines.append("".join(span.text for span in part))
    return [safe(text) for text in lines]


def _total(table: Table, row: Row) -> str:
    """Format a row of totals: its label, then key and number of each column that has one."""
    label, *totals = (
        (column.key, cell)
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell.text.strip("-")
    )
    texts = (f"{key} {cell.text if cell.value is None else _field(cell)}" for key, cell in totals)
    return f"{label[1].text.strip()}: {', '.join(texts)}"


def _line(fields: Sequence[str]) -> str:
    # Names come from untrusted files, and a record must not look like a comment.
    text = "\t".join(fields) + "\n"
    return f"\\x23{text[1:]}" if text.startswith("#") else text


def dump_csv(document: Document, columns: Sequence[str] | None = None) -> str:
    """Encode the tables of a document as comma-separated values (RFC 4180, lines end in a line feed).

    Without `columns`, every column of a table is included. Tables are separated by a blank line. Text
    that a spreadsheet would run as a formula is prefixed with an apostrophe, because names and values
    come from untrusted files.
    """
    texts = []
    for table in _tables(document.blocks):
        stream = io.StringIO()
        chosen = wanted_columns(table, columns) or [column.key for column in table.columns]
        records = (map(_inert, record) for record in _records(table, chosen))
        csv.writer(stream, lineterminator="\n").writerows(records)
        texts.append(stream.getvalue())
    return "\n".join(texts)


def dump_json(report: Report) -> str:
    """Encode a report as JSON with the name and version of its schema."""
    identity = {"schema": f"netinspect-{report.name}", "schema_version": SCHEMA_VERSION}
    return to_json(report, identity, indent=2) + "\n"


def _records(table: Table, chosen: Sequence[str]) -> Iterator[Sequence[str]]:
    keys = [column.key for column in table.columns]
    wanted = [keys.index(key) for key in chosen]
    yield chosen
    for row in table.rows:
        yield [_field(row.cells[index]) for index in wanted]


def _field(cell: Cell) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe(value) if isinstance(value, str) else repr(value)


def _inert(text: str) -> str:
    """Return a field prefixed with an apostrophe if a spreadsheet would run it as a formula."""
    is_formula = text[:1] in _STARTS and len(text) > 1 and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def _annotated(block: Code) -> Iterator[str]:
    for each in block.lines:
        yield safe(each.text.expandtabs(4)) + (f"  # {safe(each.note)}" if each.note else "") + "\n"


def _tables(blocks: Iterable[Block]) -> Iterator[Table]:
    """Yield every block as a table; consecutive printed tensors share one."""
    for kind, group in groupby(blocks, type):
        members = list(group)
        if kind is Lines:
            yield _table(("name", "text"), _named_lines(members))
        for block in members:
            if isinstance(block, Code):
                rows = ((each.number, each.text, each.note) for each in block.lines)
                yield _table(("line", "code", "shapes"), rows)
            elif isinstance(block, Table):
                yield block


def _named_lines(blocks: Iterable[Block]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        if isinstance(block, Lines):
            yield from ((block.name, text) for text in block.lines)


def _table(keys: Sequence[str], rows: Iterable[tuple[str | int, ...]]) -> Table:
    columns = [Column(key=key, value=itemgetter(index)) for index, key in enumerate(keys)]
    return make_table("", columns, rows)
