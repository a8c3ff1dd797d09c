"""Code with notes at the ends of its lines, laid out for a width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pygments.token import Comment, Keyword, Name, Number, Operator, String
from rich.console import Console
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Code, CodeLine
from netinspect.rendering.layout import cut
from netinspect.rendering.styles import StyleName

_STYLES: dict[tuple[str, ...], StyleName] = {
    Comment: "code_comment",
    String: "code_string",
    Number: "code_number",
    Keyword: "code_keyword",
    Operator.Word: "code_keyword",
    Name.Function: "code_name",
    Name.Class: "code_name",
    Name.Builtin: "code_builtin",
    Name.Decorator: "code_builtin",
}

_NOTE_COLUMN = 60
"""Rightmost start of the column of notes; the note of a longer line follows its line."""

_LEAD = "  # "


def code_lines(block: Code, console: Console, width: int | None) -> Iterator[Text]:
    """Yield the lines of code with line numbers and notes.

    Code is never cut. A note that does not fit after its line, even without the middle of its chain of
    shapes, goes below it.

    Args:
        block: The code.
        console: Defines the styles.
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
    for each, code in zip(block.lines, _highlight(texts, console), strict=True):
        if previous is not None and each.number != previous + 1:
            yield Text(f"{'':{digits}}  ···", style="hint")
        previous = each.number
        number = f"{each.number:>{digits}}{'!' if each.failed else ' '} "
        style = "failed" if each.failed else "code_note"
        suffix, below = _place_note(each, code.plain, column, room, gutter)
        yield Text.assemble((number, "failed" if each.failed else "hint"), code, (suffix, style))
        if below:
            yield Text(below, style=style)


def _highlight(texts: Sequence[str], console: Console) -> Sequence[Text]:
    theme = ANSISyntaxTheme({token: console.get_style(style) for token, style in _STYLES.items()})
    code = Syntax("", "python", theme=theme).highlight("\n".join(texts))
    return code.split("\n", allow_blank=True)[: len(texts)]


def _place_note(
    each: CodeLine, text: str, column: int, room: int | None, gutter: int
) -> tuple[str, str]:
    """Return the note after a line and the note below it; one of them is empty."""
    if not each.note:
        return "", ""
    for start in (max(column, len(text)), len(text)):
        note = _note(each, start, room)
        if note is not None:
            return " " * (start - len(text)) + _LEAD + note, ""
    indent = " " * (gutter + len(text) - len(text.lstrip()))
    below = f"{indent}# {safe(each.note)}"
    return "", below if room is None else cut(below, room + gutter)


def _note(each: CodeLine, start: int, room: int | None) -> str | None:
    """Return a note if it fits from a column on, shortened if necessary; otherwise None."""
    note = safe(each.note)
    if room is None or start + len(_LEAD) + len(note) <= room:
        return note
    parts = note.split(" -> ")
    short = f"{parts[0]} -> … -> {parts[-1]}"
    return short if len(parts) > 2 and start + len(_LEAD) + len(short) <= room else None
