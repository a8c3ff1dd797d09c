"""Line breaks of messages and notes: at blanks, so that commands, shapes and names can be copied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

from netinspect._utils.safe_text import safe
from netinspect.errors import Excerpt

_COMMAND = r"(?:^|(?<=: ))netinspect .*"
_UNIT = re.compile(
    rf"(?P<command>{_COMMAND})"
    r"|(?<!\w)'[^']*'(?!\w)|(?<!\w)\"[^\"]*\"(?!\w)"
    r"|\([\w<>]+(?:, ?[\w<>]+)*,?\)"
    r"|(?<!\S)--[\w-]+ [^\s-]\S*"
    r"|\b\d[\d.,]*(?: [*=x] \d[\d.,]*)*(?: (?:[KMGT]?i?B\b|[KMGT]\b|%))?"
)
"""Text that stays on one line: a command up to the end of the text, a quoted word, a shape, an option
with its value, a product of sizes, a number with its unit."""

_WORD = re.compile(r"\S+")


class _Piece(NamedTuple):
    """A part of a text that a line break does not divide, and its width in cells."""

    start: int
    end: int
    width: int


def wrap(text: str, width: int, hanging: int = 0, *, fold: bool = False) -> list[tuple[int, int]]:
    """Return the lines of a text as slices, without the blanks at which it is wrapped.

    Args:
        text: One line of text, without control characters.
        width: Cells on a line.
        hanging: Indentation of the second and later lines, which the caller adds.
        fold: Also break a word that is longer than a line. Otherwise the terminal wraps it, so that it
            can be copied.
    """
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return [(0, len(text))]
    room = max(1, width - hanging)
    lines: list[tuple[int, int]] = []
    start, end, used = 0, 0, 0
    for piece in _pieces(text, room, fold=fold):
        gap = piece.start - end
        if used and used + gap + piece.width > (room if lines else width):
            lines.append((start, end))
            start, used, gap = piece.start, 0, 0
        end = piece.end
        used += gap + piece.width
    return [*lines, (start, end)]


def mark(excerpt: Excerpt, width: int | None) -> list[tuple[str, str]]:
    """Return the lines of a source line wrapped to a width, each with the carets below it, if any.

    Args:
        excerpt: The source line, whose control characters are escaped here.
        width: Cells on a line; None for no limit.
    """
    texts = (excerpt.text[: excerpt.start], excerpt.text[: excerpt.end], excerpt.text)
    start, end, _ = map(len, map(safe, texts))
    text = safe(excerpt.text)
    lines = [(0, len(text))] if width is None else wrap(text, width, fold=True)
    marked = []
    for first, last in lines:
        inner = max(first, start), min(last, end)
        carets = ""
        if inner[0] < inner[1]:
            indent = cell_len(text[first : inner[0]])
            carets = " " * indent + "^" * cell_len(text[inner[0] : inner[1]])
        marked.append((text[first:last], carets))
    return marked


def _pieces(text: str, room: int, *, fold: bool) -> Iterator[_Piece]:
    """Yield the parts between possible line breaks; too long units are divided into words."""
    for start, end, is_command in _units(text):
        whole = _piece(text, start, end)
        if whole.width <= room or (is_command and not fold):
            yield whole
            continue
        for word in _WORD.finditer(text, start, end):
            piece = _piece(text, *word.span())
            yield from _folded(text, piece, room) if fold and piece.width > room else (piece,)


def _units(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield runs of non-blank characters, extended by the units that they overlap."""
    start, end, is_command = 0, 0, False
    units = _UNIT.finditer(text)
    unit = next(units, None)
    for word in _WORD.finditer(text):
        if word.start() > end:
            if end:
                yield start, end, is_command
            start, is_command = word.start() if end else 0, False
        end = max(end, word.end())
        while unit is not None and unit.start() < end:
            end, is_command = max(end, unit.end()), is_command or unit["command"] is not None
            unit = next(units, None)
    if end:
        yield start, end, is_command


def _piece(text: str, start: int, end: int) -> _Piece:
    return _Piece(start, end, cell_len(text[start:end]))


def _folded(text: str, piece: _Piece, room: int) -> Iterator[_Piece]:
    start = piece.start
    for part in chop_cells(text[start : piece.end], room):
        yield _piece(text, start, start + len(part))
        start += len(part)
