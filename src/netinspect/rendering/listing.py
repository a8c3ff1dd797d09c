"""Code with notes at the ends of its lines, laid out for a width."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat

from pygments.token import Comment, Keyword, Name, Number, Operator, String
from rich.cells import cell_len
from rich.console import Console
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

from netinspect._utils.safe_text import safe
from netinspect.rendering.document import Code, CodeLine
from netinspect.rendering.styles import StyleName
from netinspect.rendering.wrapping import wrap

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

_FARTHEST_COLUMN = 72
"""Rightmost start of the column of notes."""

_FUNCTION = re.compile(r"\s*(?:async\s+)?def\b")

_LEAD = "  # "
_CONTINUED = 4
"""Indentation of the later lines of wrapped code, and of notes below it, relative to the code."""


def code_lines(block: Code, console: Console, width: int | None) -> Iterator[Text]:
    """Yield the lines of code with line numbers and notes.

    In each function, notes are aligned in the column that fits most of them; any other note is below its
    line. Code and notes that are longer than a line are wrapped.

    Args:
        block: The code.
        console: Defines the styles.
        width: Cells on a line; None for no limit.
    """
    digits = len(str(max((each.number for each in block.lines), default=0)))
    gutter = " " * (digits + 2)
    room = None if width is None else max(1, width - len(gutter))
    indent = min(
        (len(each.text) - len(each.text.lstrip()) for each in block.lines if each.text.strip()),
        default=0,
    )
    texts = [safe(each.text[indent:].expandtabs(4)) for each in block.lines]
    columns = _columns(block.lines, texts, room)
    previous = None
    for each, code, column in zip(block.lines, _highlight(texts, console), columns, strict=True):
        if previous is not None and each.number != previous + 1:
            yield Text.assemble((f"{'':{digits}}  ···", "hint"))
        previous = each.number
        number = f"{each.number:>{digits}}{'!' if each.failed else ' '} "
        head = number, "failed" if each.failed else "hint"
        used, note = cell_len(code.plain), safe(each.note)
        if each.note_style == "shape_same":
            code.stylize("shape_same")
        first, *others = _wrap(code, room)
        is_after = bool(note) and not others and _fits(used, note, column, room)
        after = " " * (max(column, used) - used) + _LEAD + note if is_after else ""
        # A style of a whole Text is not rendered unless it has spans.
        yield Text.assemble(head, first, (after, each.note_style))
        yield from (Text.assemble(gutter, part) for part in others)
        if note and not is_after:
            for part in _below(note, code.plain, room):
                yield Text.assemble((gutter + part, each.note_style))


def _columns(lines: Sequence[CodeLine], texts: Sequence[str], room: int | None) -> Iterator[int]:
    """Yield the column of the notes for each line; each function has its own."""
    starts = [0, *(index for index, text in enumerate(texts) if index and _FUNCTION.match(text))]
    for start, end in pairwise([*starts, len(texts)]):
        column = _column(lines[start:end], texts[start:end], room)
        yield from repeat(column, end - start)


def _column(lines: Sequence[CodeLine], texts: Sequence[str], room: int | None) -> int:
    """Return the column from which most notes fit after their lines, the leftmost of equal ones."""
    noted = [
        (cell_len(text), safe(each.note)) for text, each in zip(texts, lines, strict=True) if each.note
    ]
    columns = sorted({used for used, _ in noted if used <= _FARTHEST_COLUMN})
    if room is None:
        return max(columns, default=0)
    return max(
        columns,
        key=lambda column: sum(_fits(used, note, column, room) for used, note in noted),
        default=0,
    )


def _fits(used: int, note: str, column: int, room: int | None) -> bool:
    """Return whether a note fits from a column on; without a limit, it follows a longer line."""
    if room is None:
        return True
    return used <= column and column + len(_LEAD) + cell_len(note) <= room


def _wrap(code: Text, room: int | None) -> Sequence[Text]:
    """Wrap a line of code at blanks, with later lines indented further."""
    if room is None or cell_len(code.plain) <= room:
        return [code]
    hanging = _hanging(code.plain, room)
    parts = []
    for index, (start, end) in enumerate(wrap(code.plain, room, hanging, fold=True)):
        part = code[start:end]
        part.pad_left(hanging if index else 0)
        parts.append(part)
    return parts


def _below(note: str, code: str, room: int | None) -> Iterator[str]:
    """Yield the lines of a note below its line of code."""
    assert room is not None
    hanging = _hanging(code, room)
    text = f"# {note}"
    for index, (start, end) in enumerate(wrap(text, max(1, room - hanging), 2, fold=True)):
        yield " " * hanging + ("# " if index else "") + text[start:end]


def _hanging(code: str, room: int) -> int:
    return min(len(code) - len(code.lstrip()) + _CONTINUED, room // 2)


def _highlight(texts: Sequence[str], console: Console) -> Sequence[Text]:
    theme = ANSISyntaxTheme({token: console.get_style(style) for token, style in _STYLES.items()})
    code = Syntax("", "python", theme=theme).highlight("\n".join(texts))
    return code.split("\n", allow_blank=True)[: len(texts)]
