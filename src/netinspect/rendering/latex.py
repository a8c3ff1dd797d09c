"""LaTeX output: each table is a `tabular` that needs no package; titles and notes are comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netinspect._utils.safe_text import safe
from netinspect.errors import Excerpt
from netinspect.rendering.document import Code, Document, Line, Lines, Row, Table
from netinspect.rendering.layout import Fitted, fit
from netinspect.rendering.wrapping import mark

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    # At the start of a row, these would be options of the line end before it.
    **{character: f"{{{character}}}" for character in "[]*"},
    "-": "-{}",  # two of them would be a dash
    "…": r"\ldots{}",
    "×": r"$\times$",  # noqa: RUF001
    "▸": r"$\triangleright$",
    "→": r"$\to$",
    "·": r"$\cdot$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
}
_SPECIAL = re.compile("|".join(map(re.escape, _COMMANDS)))


def format_latex(document: Document, columns: Sequence[str] | None = None) -> str:
    """Format a document as LaTeX; every character of a name is escaped."""
    parts = [_comment(_text(document.title))]
    shown: set[str] = set()
    for block in document.filled_blocks:
        lines = [_comment(block.name)] if document.has_heading(block) else []
        if isinstance(block, Table):
            fitted = fit(block, None, columns)
            shown.update(each.column.key for each in fitted)
            lines += _table(block, fitted)
        else:
            lines += _listing(block)
        parts.append("\n".join(lines))
    if notes := [*document.notes_with(shown)]:
        parts.append("\n".join(_comment(_text(note)) for note in notes))
    if document.failure:
        parts.append("\n".join(map(_comment, _failure(document))))
    return "\n\n".join(parts) + "\n"


def _failure(document: Document) -> Iterator[str]:
    for part in document.failure:
        if isinstance(part, Excerpt):
            yield from filter(None, mark(part, None)[0])
        else:
            yield _text(part)


def _table(table: Table, fitted: Sequence[Fitted]) -> Iterator[str]:
    yield rf"\begin{{tabular}}{{{''.join(each.column.align[0] for each in fitted)}}}"
    yield r"\hline"
    yield _cells([_escape(each.column.heading) for each in fitted])
    for rows in (table.shown_rows, table.footer):
        if rows:
            yield r"\hline"
        for row in rows:
            yield _cells([_cell(row, each) for each in fitted])
    yield r"\hline"
    yield r"\end{tabular}"


def _cell(row: Row, fitted: Fitted) -> str:
    indent = rf"\hspace*{{{row.level}em}}" if fitted.column.tree and row.level else ""
    return indent + _escape(row.cells[fitted.position].text)


def _cells(texts: list[str]) -> str:
    return rf"{' & '.join(texts)} \\"


def _listing(block: Code | Lines) -> Iterator[str]:
    if isinstance(block, Code):
        texts = [
            each.text.expandtabs(4) + (f"  # {each.note}" if each.note else "") for each in block.lines
        ]
    else:
        texts = [*block.lines]
    yield r"\begin{flushleft}\ttfamily"
    for text in texts:
        # Blanks at the start of a line are dropped otherwise, and an empty line cannot be ended.
        yield rf"{_escape(text).replace(' ', '~') or '~'} \\"
    yield r"\end{flushleft}"


def _comment(text: str) -> str:
    return f"% {safe(text)}"


def _text(spans: Line) -> str:
    return "".join(span.text for span in spans)


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: _COMMANDS[match[0]], safe(text))
