"""Code with notes at the ends of its lines, laid out for a width."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Code, CodeLine, Line, Span
from netinspect.rendering.highlight import highlight_python
from netinspect.rendering.layout import cut

_NOTE_COLUMN = 60
"""Rightmost start of the column of notes; the note of a longer line follows its line."""

_LEAD = "  # "


def code_lines(block: Code, width: int | None) -> Iterator[Line]:
    """Yield the lines of code with line numbers and notes.

    Code is never cut. A note that does not fit after its line, even without the middle of its chain of
    shapes, goes below it.

    Args:
        block: The code.
        width: Cells on a line; None for no limit.
    """
    digits = len(str(max((each.number for each in block.lines), default=0)))
    gutter = digits + 2
    room = None if width is None else width - gutter
    indent = min(
        (len(each.text) - len(each.text.lstrip()) for each in block.lines if each.text.strip()),
        default=0,
    )
    texts = [safe(each.text[indent:].expandtabs(4)) for each in block.lines]
    column = max(
        (
            len(text)
            for text, each in zip(texts, block.lines, strict=True)
            if each.note and len(text) <= _NOTE_COLUMN and _note(each, len(text), room) is not None
        ),
        default=0,
    )
    previous = None
    for each, text, spans in zip(block.lines, texts, highlight_python(texts), strict=True):
        if previous is not None and each.number != previous + 1:
            yield (Span(text=f"{'':{digits}}  ···", style="dim"),)
        previous = each.number
        number = f"{each.number:>{digits}}{'!' if each.failed else ' '} "
        suffix, below = _place_note(each, text, column, room, gutter)
        yield (Span(text=number, style="bold red" if each.failed else "dim"), *spans, *suffix)
        if below:
            yield below


def _place_note(
    each: CodeLine, text: str, column: int, room: int | None, gutter: int
) -> tuple[Line, Line]:
    """Return the note after a line and the note below it; one of them is empty."""
    if not each.note:
        return (), ()
    style = "bold red" if each.failed else "green"
    for start in (max(column, len(text)), len(text)):
        note = _note(each, start, room)
        if note is not None:
            return (Span(text=" " * (start - len(text))), Span(text=_LEAD + note, style=style)), ()
    indent = " " * (gutter + len(text) - len(text.lstrip()))
    below = f"{indent}# {safe(each.note)}"
    return (), (Span(text=below if room is None else cut(below, room + gutter), style=style),)


def _note(each: CodeLine, start: int, room: int | None) -> str | None:
    """Return a note if it fits from a column on, shortened if necessary; otherwise None."""
    note = safe(each.note)
    if room is None or start + len(_LEAD) + len(note) <= room:
        return note
    parts = note.split(" -> ")
    short = f"{parts[0]} -> … -> {parts[-1]}"
    return short if len(parts) > 2 and start + len(_LEAD) + len(short) <= room else None
