"""GitHub-flavoured Markdown output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netinspect._utils.safe_text import safe
from netinspect.errors import Excerpt
from netinspect.rendering.document import Code, Document, Line, Lines, Row, Table
from netinspect.rendering.layout import BRANCH, Fitted, fit
from netinspect.rendering.wrapping import mark

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def format_markdown(document: Document, columns: Sequence[str] | None = None) -> str:
    """Format a document as Markdown; names are escaped."""
    parts = [f"### {_inline(document.title)}"]
    shown: set[str] = set()
    for block in document.filled_blocks:
        if document.has_heading(block):
            parts.append(f"#### {_escape(block.name)}")
        if isinstance(block, Table):
            fitted = fit(block, None, columns)
            shown.update(each.column.key for each in fitted)
            parts.append("\n".join(_table(block, fitted)))
        else:
            parts.append("\n".join(_block(block)))
    if notes := [*document.notes_with(shown)]:
        parts.append("\n".join(f"- {_inline(note)}" for note in notes))
    if document.failure:
        parts.append("\n".join(_fenced([*_failure(document)], "")))
    return "\n\n".join(parts) + "\n"


def _failure(document: Document) -> Iterator[str]:
    for part in document.failure:
        if isinstance(part, Excerpt):
            yield from filter(None, mark(part, None)[0])
        else:
            yield safe("".join(span.text for span in part))


def _block(block: Code | Lines) -> Iterator[str]:
    if isinstance(block, Code):
        lines = [
            safe(each.text.expandtabs(4)) + (f"  # {safe(each.note)}" if each.note else "")
            for each in block.lines
        ]
        yield from _fenced(lines, "python")
    else:
        yield from _fenced([safe(text) for text in block.lines], "")


def _fenced(lines: list[str], language: str) -> Iterator[str]:
    # A fence must be longer than any run of backticks inside it.
    longest = max((len(run) for text in lines for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + language
    yield from lines
    yield fence


def _table(table: Table, fitted: Sequence[Fitted]) -> Iterator[str]:
    yield _cells([_escape(each.column.heading) for each in fitted])
    yield _cells(["---:" if each.column.align == "right" else "---" for each in fitted])
    for row in (*table.shown_rows, *table.shown_footer):
        yield _cells([_cell(row, each) for each in fitted])


def _cell(row: Row, fitted: Fitted) -> str:
    # Blanks at the start of a cell are dropped by every renderer; these are not.
    indent = "&nbsp;" * (BRANCH * row.level) if fitted.column.tree else ""
    return indent + _escape(row.cells[fitted.position].text)


def _cells(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _inline(spans: Line) -> str:
    return _escape("".join(span.text for span in spans))


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", safe(text))
