"""Lines of a document as Rich's segments, for every output that people look at.

The rows of a table are made of segments, since the widths of its columns are already known: with a
`rich.text.Text` for each cell a row costs 5 times, with `rich.table.Table` 30 times as much.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from netinspect._utils.safe_text import safe
from netinspect.advice import advise
from netinspect.errors import Excerpt
from netinspect.rendering.bars import share_bar
from netinspect.rendering.document import (
    Code,
    Document,
    Line,
    Lines,
    Row,
    Span,
    Table,
    draw_branches,
    find_containers,
    line,
)
from netinspect.rendering.layout import (
    GAP,
    Fitted,
    cut,
    cut_apart,
    dropped_columns,
    fit,
    guide_width,
    text_width,
)
from netinspect.rendering.links import link_style
from netinspect.rendering.styles import theme
from netinspect.rendering.wrapping import mark, wrap

if TYPE_CHECKING:
    from typing import Protocol

    from rich.style import Style

    class _Styles(Protocol):
        def __call__(self, name: str, place: str = "") -> Style | None: ...


Drawn = list[Segment]
"""One line."""

_HANGING = 2
"""Indentation of the second and later lines of a wrapped note."""

_INDENT = Segment("  ")
"""Indentation of the explanation of a failure."""


def make_console(*, picture: bool = False, **options: Any) -> Console:
    """Return a console that writes to a string, whatever the terminal and environment of the process.

    Args:
        picture: Use the styles of pictures instead of those of terminals.
        options: Options of the console.
    """
    return Console(
        theme=theme(picture=picture),
        file=io.StringIO(),
        height=25,
        no_color=False,
        force_jupyter=False,
        legacy_windows=False,
        **options,
    )


def draw(
    document: Document,
    console: Console,
    width: int | None,
    columns: Sequence[str] | None = None,
    *,
    least_width: int | None = None,
    link_host: str | None = None,
    fold: bool = True,
    cut: bool = True,
) -> list[Drawn]:
    """Draw a document.

    Args:
        document: The document.
        console: Defines the styles.
        width: Cells on a line; None for no limit.
        columns: Keys of the columns to show; None for the default ones.
        least_width: Without a limit, wrap notes at the width of the blocks, or at this if it is more;
            None for whole notes.
        link_host: Host of the files that places in source code are links to; None for no links.
        fold: Break words of notes that are longer than a line; a terminal wraps them itself.
        cut: Cut the texts of tables and titles to the width, and wrap notes; otherwise these lines may
            be longer.
    """
    lines: list[Drawn] = []
    styles = _find_styles(console, link_host)
    shown: set[str] = set()
    limit = width if cut else None
    for block in document.filled_blocks:
        if document.has_heading(block):
            lines += [[], _limit((Span(text=block.name, style="title"),), console, limit)]
        if isinstance(block, Table):
            block = block.with_guides()
            fitted = fit(block, width, columns, cut=cut)
            lines += _table(block, fitted, styles)
            shown.update(each.column.key for each in fitted)
            if dropped := dropped_columns(block, fitted, columns):
                lines += _wrap(_hidden(dropped, width), console, width, fold=fold)
        else:
            lines += _block(block, console, width)
    if width is None and least_width is not None:
        width = max(least_width, *(Segment.get_line_length(each) for each in lines))
    if not cut:
        width = None  # a line of notes is searched for as a whole, as in a log
    for note in document.notes_with(shown):
        lines += _wrap(note, console, width, fold=fold)
    inner = None if width is None else max(1, width - len(_INDENT.text))
    for part in document.failure:
        if isinstance(part, Excerpt):
            indented = _mark(part, console, inner)
        else:
            indented = _wrap(part, console, inner, fold=fold)
        lines += ([_INDENT, *each] for each in indented)
    return [_limit(document.title, console, limit), *lines]


def _find_styles(console: Console, link_host: str | None) -> _Styles:
    @cache
    def find(name: str, place: str = "") -> Style | None:
        style = console.get_style(name) if name else None
        link = None if link_host is None or not place else link_style(place, link_host)
        return style if link is None else link if style is None else style + link

    return find


def _text(spans: Line) -> Text:
    return Text.assemble(*((safe(span.text), span.style) for span in spans))


def _limit(spans: Line, console: Console, width: int | None) -> Drawn:
    """Cut a line to a width."""
    text = _text(spans)
    if width is not None:
        text.truncate(width, overflow="ellipsis")
    return [*text.render(console)]


def _wrap(spans: Line, console: Console, width: int | None, *, fold: bool) -> Iterator[Drawn]:
    """Wrap a note at blanks."""
    text = _text(spans)
    if width is None:
        yield [*text.render(console)]
        return
    for index, (start, end) in enumerate(wrap(text.plain, max(1, width), _HANGING, fold=fold)):
        part = text[start:end]
        part.pad_left(_HANGING if index else 0)
        yield [*part.render(console)]


def _mark(excerpt: Excerpt, console: Console, width: int | None) -> Iterator[Drawn]:
    """Draw a source line with carets below the expression that failed."""
    for text, carets in mark(excerpt, width):
        yield [Segment(text)]
        if carets:
            yield [Segment(carets, console.get_style("failed"))]


def _hidden(keys: Sequence[str], width: int | None) -> Line:
    """Name hidden columns in one line, as many as fit."""
    for count in reversed(range(len(keys))):
        more = len(keys) - count - 1
        named = [*keys[: count + 1], *([f"{more} more"] if more else [])]
        text = advise(f"hidden at this width: {', '.join(named)} (--columns)")
        if width is None or len(text) <= width:
            break
    return line((text, "hint"))


def _block(block: Code | Lines, console: Console, width: int | None) -> Iterator[Drawn]:
    if isinstance(block, Code):
        # Pygments is slow to import and needed for code only.
        from netinspect.rendering.listing import code_lines

        for text in code_lines(block, console, width):
            text.rstrip()
            yield [*text.render(console)]
    else:
        for each in block.lines:
            yield [Segment(safe(each))]


def _table(table: Table, fitted: list[Fitted], styles: _Styles) -> Iterator[Drawn]:
    header = []
    for each in fitted:
        title = cut(each.column.heading, each.width)
        header += [Segment(_align(title, each, each.width), styles("heading")), _gap(each)]
    yield _strip(header)
    rows = table.shown_rows
    levels = [row.level for row in rows]
    branches = zip(draw_branches(levels), find_containers(levels), strict=True)
    names = {each.position: _names(rows, each) for each in fitted if each.column.elide == "middle"}
    for row, branch in zip(rows, branches, strict=True):
        yield _row(row, branch, fitted, names, styles)
    if table.shown_footer:
        rule = "─" * (sum(each.total + GAP for each in fitted) - GAP)
        yield [Segment(rule, styles("branches"))]
        for row in table.shown_footer:
            yield _row(row, ("", False), fitted, names, styles)


_Names = dict[tuple[int, str], str]
"""Shortened names by available width and full name."""


def _names(rows: Sequence[Row], fitted: Fitted) -> _Names:
    long: dict[int, dict[str, None]] = {}
    for row in rows:
        cell = row.cells[fitted.position]
        room = fitted.width - _guide_width(row, fitted)
        if text_width(cell) > room:
            long.setdefault(room, {})[safe(cell.text)] = None
    return {
        (room, text): short
        for room, texts in long.items()
        for text, short in cut_apart(texts, room).items()
    }


def _guide_width(row: Row, fitted: Fitted) -> int:
    """Return the cells of a row's branches; at least one cell is left for its text."""
    return min(guide_width(row), max(0, fitted.width - 1)) if fitted.column.tree else 0


def _row(
    row: Row, branch: tuple[str, bool], fitted: list[Fitted], names: dict[int, _Names], styles: _Styles
) -> Drawn:
    segments: Drawn = []
    branches, is_container = branch
    branches = branches if row.guide is None else row.guide
    for each in fitted:
        cell = row.cells[each.position]
        guide = branches[: _guide_width(row, each)]
        room, text = each.width - len(guide), safe(cell.text)
        if each.column.align == "right":
            # A part of a number would be another number.
            text = text if cell_len(text) <= room else "…"[:room]
        elif apart := names.get(each.position, {}).get((room, text)):
            text = apart
        else:
            text = cut(text, room, middle=each.column.elide == "middle")
        if guide:
            segments.append(Segment(guide, styles("branches" if row.guide is None else "")))
        name = row.style_of(cell)
        if each.column.tree and not name:
            name = "container" if is_container else "layer"
        style = styles(name, cell.link)
        shown = _align(text, each, room)
        if style is not None and style.link:  # without the blanks after it
            segments += [Segment(text, style), Segment(shown[len(text) :])]
        else:
            segments.append(Segment(shown, style))
        if each.bar and cell.bar:
            drawn = share_bar(cell.bar / each.most, each.bar)
            segments += [
                Segment(" "),
                Segment(drawn, styles("bar")),
                Segment(" " * (each.bar - len(drawn) + GAP)),
            ]
        else:
            segments.append(_gap(each))
    return _strip(segments)


def _gap(fitted: Fitted) -> Segment:
    """Return the blanks between the text of a cell without a bar and the next column."""
    return Segment(" " * (fitted.total - fitted.width + GAP))


def _align(text: str, fitted: Fitted, width: int) -> str:
    if fitted.column.align == "right":
        return " " * (width - cell_len(text)) + text
    return set_cell_size(text, width)


def _strip(segments: Drawn) -> Drawn:
    """Remove trailing blanks of a line."""
    while segments and not segments[-1].text.strip():
        segments.pop()
    if segments:
        segments[-1] = Segment(segments[-1].text.rstrip(), segments[-1].style)
    return segments
