"""Terminal output (`--format rich`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells
from rich.color import ColorSystem
from rich.style import Style

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Block, Cell, Code, Document, Line, Lines, Row, Span, Table
from netinspect.rendering.layout import GAP, Fitted, cut, cut_apart, fit, pad, text_width

# ASCII replacements of the same width for terminals without Unicode.
_ASCII = str.maketrans(
    {"│": "|", "├": "|", "└": "`", "─": "-", "…": "~", "·": "-", "█": "#", "▓": "=", "▒": "+", "░": "."}
    | dict(zip("▁▂▃▄▅▆▇", ".:-=+*%", strict=True))
)


def format_terminal(
    document: Document,
    *,
    width: int | None,
    color: bool,
    ascii_only: bool,
    columns: Sequence[str] | None = None,
) -> str:
    """Format a document for a terminal.

    Args:
        document: The document.
        width: Cells on a line; None for no limit.
        color: Whether to emit escape sequences at all.
        ascii_only: Draw with ASCII characters.
        columns: Keys of the columns to show; None for the default ones.
    """
    text = "".join(_format_line(each, color) + "\n" for each in styled_lines(document, width, columns))
    return text.translate(_ASCII) if ascii_only else text


def styled_lines(
    document: Document, width: int | None, columns: Sequence[str] | None = None
) -> Iterable[Line]:
    """Yield a document as lines of styled text."""
    yield _limit(document.title, width)
    for block in document.filled_blocks:
        if document.has_heading(block):
            yield ()
            yield _limit((Span(text=block.name, style="bold"),), width)
        yield from _block(block, width, columns)
    for note in document.notes:
        yield from _wrap(note, width)
    for failure_line in document.failure:
        for each in _wrap(failure_line, None if width is None else width - 2):
            yield (Span(text="  "), *each)


def _block(block: Block, width: int | None, columns: Sequence[str] | None) -> Iterable[Line]:
    if isinstance(block, Table):
        return _table(block, width, columns)
    if isinstance(block, Code):
        # Pygments is slow to import and needed for code only.
        from netinspect.rendering.listing import code_lines

        return map(_strip, map(list, code_lines(block, width)))
    return _lines(block)


def _table(table: Table, width: int | None, columns: Sequence[str] | None) -> Iterable[Line]:
    fitted = fit(table, width, columns)
    gap = Span(text=" " * GAP)
    header: list[Span] = []
    for each in fitted:
        title = cut(each.column.heading, each.width)
        aligned = pad(title, each.width, right=each.column.align == "right")
        header += [Span(text=aligned, style="bold cyan"), gap]
    yield _strip(header[:-1])
    names = {each.position: _names(table, each) for each in fitted if each.column.elide == "middle"}
    for row in table.shown_rows:
        yield _row(row, fitted, names, gap)
    if table.footer:
        yield (Span(text="─" * (sum(each.width + GAP for each in fitted) - GAP), style="dim"),)
        for row in table.footer:
            yield _row(row, fitted, names, gap)


_Names = dict[tuple[int, str], str]
"""Shortened names by available width and full name."""


def _names(table: Table, fitted: Fitted) -> _Names:
    long: dict[int, dict[str, None]] = {}
    for row in table.shown_rows:
        cell = row.cells[fitted.position]
        if text_width(cell) > fitted.width:
            room = fitted.width - len(_guide(cell, fitted.width))
            long.setdefault(room, {})[safe(cell.text)] = None
    return {
        (room, text): short
        for room, texts in long.items()
        for text, short in cut_apart(texts, room).items()
    }


def _guide(cell: Cell, width: int) -> str:
    return cell.guide if len(cell.guide) < width else cell.guide[: max(0, width - 1)]


def _row(row: Row, fitted: list[Fitted], names: dict[int, _Names], gap: Span) -> Line:
    spans: list[Span] = []
    for position, column, width in fitted:
        cell = row.cells[position]
        guide = _guide(cell, width)
        room, text = width - len(guide), safe(cell.text)
        apart = names.get(position, {}).get((room, text))
        text = cut(text, room, middle=column.elide == "middle") if apart is None else apart
        if guide:
            spans.append(Span(text=guide, style="dim"))
        aligned = pad(text, width - len(guide), right=column.align == "right")
        spans += [Span(text=aligned, style=cell.style or row.style), gap]
    return _strip(spans[:-1])


def _strip(spans: list[Span]) -> Line:
    """Remove trailing blanks of a line."""
    while spans and not spans[-1].text.strip():
        spans.pop()
    if spans:
        last = spans[-1]
        spans[-1] = Span(text=last.text.rstrip(), style=last.style)
    return tuple(spans)


def _lines(block: Lines) -> Iterable[Line]:
    for text in block.lines:
        yield (Span(text=safe(text)),)


def _limit(spans: Line, width: int | None) -> Line:
    """Cut a line to a width."""
    if width is None:
        return tuple(Span(text=safe(span.text), style=span.style) for span in spans)
    cut_spans = []
    for span in spans:
        text = cut(safe(span.text), width)
        cut_spans.append(Span(text=text, style=span.style))
        width -= cell_len(text)
        if width <= 0:
            break
    return tuple(cut_spans)


def _wrap(spans: Line, width: int | None) -> Iterable[Line]:
    """Wrap a note at blanks, or within a word longer than a line."""
    for span in spans:
        line = ""
        for word in safe(span.text).split(" "):
            longer = f"{line} {word}" if line else word
            if width is None or cell_len(longer) <= width:
                line = longer
                continue
            if line.strip():
                yield (Span(text=line, style=span.style),)
            *whole, line = chop_cells(f"  {word}", width)
            for part in whole:
                yield (Span(text=part, style=span.style),)
        yield (Span(text=line, style=span.style),)


@lru_cache(maxsize=256)
def _style(definition: str) -> Style:
    return Style.parse(definition)


def _format_line(spans: Line, color: bool) -> str:
    if not color:
        return "".join(span.text for span in spans)
    return "".join(
        _style(span.style).render(span.text, color_system=ColorSystem.STANDARD)
        if span.style
        else span.text
        for span in spans
    )
