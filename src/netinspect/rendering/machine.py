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
from netinspect.records.base import SCHEMA_VERSION
from netinspect.records.codec import to_json
from netinspect.rendering.document import (
    Block,
    Cell,
    Code,
    Column,
    Document,
    Lines,
    Table,
    make_table,
)
from netinspect.rendering.layout import wanted_columns


class Report(Protocol):
    """A report record and the name of its schema."""

    name: ClassVar[str]


_STARTS = frozenset("=+-@\t\r")
"""First characters of spreadsheet formulas."""

_NUMBER = re.compile(r"[+-](?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-inf|-nan|->")


def dump_plain(document: Document, columns: Sequence[str] | None = None) -> str:
    """Encode a document as tab-separated fields with a header of lower-snake-case names.

    Tables are separated by a blank line. Preformatted text follows its name unchanged.
    """
    blocks = []
    for block in document.blocks:
        if isinstance(block, Table):
            blocks.append("".join("\t".join(row) + "\n" for row in _records(block, columns)))
        elif isinstance(block, Code):
            blocks.append("".join(_annotated(block)))
        else:
            blocks.append("".join(safe(text) + "\n" for text in (f"{block.name}:", *block.lines)))
    return "\n".join(blocks)


def dump_csv(document: Document, columns: Sequence[str] | None = None) -> str:
    """Encode a document as comma-separated values (RFC 4180, lines end in a line feed).

    Tables are separated by a blank line. Text that a spreadsheet would run as a formula is prefixed with
    an apostrophe, because names and values come from untrusted files.
    """
    texts = []
    for table in _tables(document.blocks):
        stream = io.StringIO()
        records = (map(_inert, record) for record in _records(table, columns))
        csv.writer(stream, lineterminator="\n").writerows(records)
        texts.append(stream.getvalue())
    return "\n".join(texts)


def dump_json(report: Report) -> str:
    """Encode a report as JSON with the name and version of its schema."""
    identity = {"schema": f"netinspect-{report.name}", "schema_version": SCHEMA_VERSION}
    return to_json(report, identity, indent=2) + "\n"


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
