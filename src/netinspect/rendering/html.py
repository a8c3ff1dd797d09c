"""HTML: fragments for notebooks, and pages.

The branches of a table open and close without a script: the name of a row with a branch is a `details`
element, and a style rule hides the rows below it while it is closed. The style sheet is `html.css`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style

from netinspect._utils.safe_text import safe
from netinspect.errors import Excerpt
from netinspect.records.base import replace
from netinspect.rendering.depth import least_level
from netinspect.rendering.document import Block, Code, Document, Line, Row, Table
from netinspect.rendering.drawing import make_console
from netinspect.rendering.formats import ALL_COLUMNS
from netinspect.rendering.layout import Fitted, cut, fit
from netinspect.rendering.styles import StyleName
from netinspect.rendering.wrapping import mark

if TYPE_CHECKING:
    from rich.text import Text

_WIDTH = 110
"""Width, in cells of a terminal, that decides which columns are shown if none is given."""

_PER_CELL = 1.1
"""Characters of a proportional font in the width of a cell."""

_LEAST_TEXT = 30
"""Characters of a long text, such as a dictionary of shapes, that are always shown."""

_OPEN_ROWS = 24
"""Rows that a table shows at first: about a screen. Branches below that depth are closed."""

_INDENT = "\u00a0" * 4
"""Indentation of a level, which stays in every browser and in copied text."""

_SUMMARY = '<summary style="list-style: none">'
"""Start of the name of a row with a branch, without a mark if a page removes the style sheet."""

_COLORS = ("dim", "red", "green", "yellow", "blue", "magenta", "cyan", "dim")

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ni-page: Canvas; }}
body {{ margin: 1.5em; background: Canvas; color: CanvasText; }}
</style>
</head>
<body>
{fragment}
</body>
</html>
"""


def format_html_page(
    document: Document, width: int | None = None, columns: Sequence[str] | None = None
) -> str:
    """Format a document as an HTML page without scripts and references.

    Args:
        document: The document.
        width: Cells of a terminal whose columns are shown; None for 110.
        columns: Keys of the columns to show; None for the default ones.
    """
    return _PAGE.format(
        title=_text("".join(span.text for span in document.title)),
        fragment=format_html_fragment(document, width, columns),
    )


def format_html_fragment(
    document: Document, width: int | None = None, columns: Sequence[str] | None = None
) -> str:
    """Format a document as an element for a notebook; see `format_html_page`.

    It has no ids, and its styles do not affect the rest of the page.
    """
    styles = _Styles()
    parts = [f'<p class="ni-title">{styles.line(document.title)}</p>']
    folds = 0
    shown: set[str] = set()
    for block in document.filled_blocks:
        if document.has_heading(block):
            parts.append(f'<p class="ni-heading">{_text(block.name)}</p>')
        if isinstance(block, Table):
            fitted = _fit(block, width, columns)
            parts += _table(block, fitted, styles)
            shown.update(each.column.key for each in fitted)
            folds = max(folds, sum(fold.number is not None for fold in _fold(block.shown_rows)))
        else:
            parts.append(_preformatted(block, styles))
    parts += (f"<p>{styles.line(note)}</p>" for note in document.notes_with(shown))
    if document.failure:
        lines = "".join(_failure(each, styles) for each in document.failure)
        parts.append(f'<div class="ni-failure">{lines}</div>')
    # JupyterLab would take keys that are pressed in the element for its own commands.
    return (
        f'<div class="netinspect" data-lm-suppress-shortcuts="true">\n<style>\n{style_sheet()}'
        f"{_folding(folds)}</style>\n" + "\n".join(parts) + "\n</div>"
    )


def _fit(table: Table, width: int | None, columns: Sequence[str] | None) -> list[Fitted]:
    """Choose the columns of a table, in which names are never cut."""
    # All columns of a page are scrolled rather than dropped.
    least = None if ALL_COLUMNS in (columns or ()) else _WIDTH
    whole = (
        replace(each, min_width=None) if index == 0 or each.tree else each
        for index, each in enumerate(table.columns)
    )
    return fit(replace(table, columns=tuple(whole)), width or least, columns)


@cache
def style_sheet() -> str:
    """Return the style sheet of a view, which is part of each fragment."""
    text = Path(__file__).with_name("html.css").read_text(encoding="utf-8")
    return text.partition("*/\n")[2]


def _folding(count: int) -> str:
    """Return the rules that hide rows: `f3` is the row above the third branch, `u3` each row in it."""
    return "".join(
        f".netinspect .f{number}:not(:has([open])) ~ .u{number} {{ display: none; }}\n"
        for number in range(count)
    )


def _table(table: Table, fitted: list[Fitted], styles: _Styles) -> Iterator[str]:
    yield f'<div class="ni-scroll" role="region" tabindex="0" aria-label="{_text(table.name)}"><table>'
    heads = "".join(
        f'<th scope="col"{_align(each)}>{_text(each.column.heading)}</th>' for each in fitted
    )
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>"
    rows = table.shown_rows
    is_tree = any(row.level for row in rows)
    on_hover: dict[str, None] = {}
    for row, fold in zip(rows, _fold(rows), strict=True):
        names = [f"u{each}" for each in fold.inside]
        if fold.number is not None:
            names.append(f"f{fold.number}")
        classes = f' class="{" ".join(names)}"' if names else ""
        facts = _hidden_facts(table, row, fitted)
        on_hover.update(dict.fromkeys(facts))
        cells = _cells(row, fitted, styles, fold if is_tree else None)
        yield f"<tr{classes}{_title(row, fitted, facts)}>{cells}</tr>"
    yield "</tbody>"
    if table.shown_footer:
        yield "<tfoot>"
        for row in table.shown_footer:
            yield f"<tr>{_cells(row, fitted, styles)}</tr>"
        yield "</tfoot>"
    yield "</table></div>"
    if on_hover:
        headings = ", ".join(on_hover)
        yield f"<p>{styles.span(f'on hover: {headings}', 'hint')}</p>"


class _Fold(NamedTuple):
    """Place of a row among the branches of its table."""

    inside: tuple[int, ...]
    """Numbers of the branches that the row is in."""

    number: int | None
    """Number of the branch below the row; None if no row is below it."""

    is_open: bool


def _fold(rows: Sequence[Row]) -> Iterator[_Fold]:
    depth = _open_level(rows)
    above: list[tuple[int, int]] = []
    """Level and number of each branch that the row is in."""
    count = 0
    for row, level_after in zip(rows, [*(row.level for row in rows[1:]), 0], strict=True):
        while above and above[-1][0] >= row.level:
            above.pop()
        has_branch = level_after > row.level
        yield _Fold(
            tuple(number for _, number in above), count if has_branch else None, row.level < depth
        )
        if has_branch:
            above.append((row.level, count))
            count += 1


def _open_level(rows: Sequence[Row]) -> int:
    """Return the deepest level whose rows are shown at first."""
    levels = [row.level for row in rows]
    least = least_level(levels)
    for level in range(max(levels, default=0), least, -1):
        if sum(each <= level for each in levels) <= _OPEN_ROWS:
            return level
    return least


def _hidden_facts(table: Table, row: Row, fitted: list[Fitted]) -> dict[str, str]:
    """Return the texts of a row that no column shows, by heading."""
    shown = {each.position for each in fitted}
    return {
        column.heading: cell.text
        for index, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True))
        if index not in shown and cell.value not in (None, "") and cell.text not in ("", "-")
    }


def _title(row: Row, fitted: list[Fitted], facts: dict[str, str]) -> str:
    """Return what a reader sees who points at a row: its full name, and facts that no column shows."""
    lines = [f"{heading}: {text}" for heading, text in facts.items()]
    first = row.cells[fitted[0].position]
    if isinstance(first.value, str) and first.value and first.value != first.text:
        lines.insert(0, first.value)
    # safe() would escape the line ends.
    return f' title="{"&#10;".join(map(_text, lines))}"' if lines else ""


def _cells(row: Row, fitted: list[Fitted], styles: _Styles, fold: _Fold | None = None) -> str:
    parts = []
    for index, each in enumerate(fitted):
        cell = row.cells[each.position]
        shown, title = cell.text, ""
        if each.column.min_width is not None:
            shown = cut(safe(cell.text), max(round(each.width * _PER_CELL), _LEAST_TEXT))
            title = "" if shown == safe(cell.text) else f' title="{_text(cell.text)}"'
        name = row.style_of(cell)
        if each.column.tree and fold is not None and fold.number is not None:
            name = name or "container"
        text = styles.span(shown, name)
        if each.bar:
            share = 0 if cell.bar is None else cell.bar / each.most
            text += f'<span class="ni-bar" style="--ni-share: {share:.1%}"></span>'
        if each.column.tree and fold is not None:
            text = f'{_INDENT * row.level}<span class="ni-mark"></span>{text}'
            if fold.number is not None:
                is_open = " open" if fold.is_open else ""
                text = f"<details{is_open}>{_SUMMARY}{text}</summary></details>"
        tag, scope = ("th", ' scope="row"') if index == 0 else ("td", "")
        parts.append(f"<{tag}{scope}{_align(each)}{title}>{text}</{tag}>")
    return "".join(parts)


def _align(fitted: Fitted) -> str:
    # Pages that remove the style sheet would centre headers, which hides the levels of a tree.
    return f' align="{fitted.column.align}"'


def _failure(part: Line | Excerpt, styles: _Styles) -> str:
    if not isinstance(part, Excerpt):
        return f"<p>{styles.line(part)}</p>"
    ((code, carets),) = mark(part, None)
    return f"<pre>{_text(code)}\n{styles.span(carets, 'failed')}</pre>"


def _preformatted(block: Block, styles: _Styles) -> str:
    if isinstance(block, Code):
        # Pygments is slow to import and needed for code only.
        from netinspect.rendering.listing import code_lines

        lines = [styles.rich_text(each) for each in code_lines(block, styles.console, None)]
    else:
        assert not isinstance(block, Table)
        lines = [_text(each) for each in block.lines]
    return (
        f'<pre role="region" tabindex="0" aria-label="{_text(block.name)}">'
        + "\n".join(lines)
        + "</pre>"
    )


class _Styles:
    """Classes of the style sheet for styles of Rich."""

    def __init__(self) -> None:
        self.console = make_console(picture=True, width=80)
        self._named = cache(self.console.get_style)

    def span(self, text: str, style: StyleName) -> str:
        """Format text in a style."""
        return self._span(text, self._named(style)) if text and style else _text(text)

    def line(self, spans: Line) -> str:
        """Format a line."""
        return "".join(self.span(each.text, each.style) for each in spans)

    def rich_text(self, text: Text) -> str:
        """Format text that Rich has styled, and whose characters are safe."""
        return "".join(
            self._span(each.text, each.style or Style.null()) for each in text.render(self.console)
        ).rstrip()

    def _span(self, text: str, style: Style) -> str:
        classes = _classes(style)
        return f'<span class="{classes}">{_text(text)}</span>' if classes else _text(text)


@cache
def _classes(style: Style) -> str:
    named = [name for name in ("bold", "dim", "italic", "underline") if getattr(style, name)]
    if style.color is not None and style.color.number is not None:
        named.append(_COLORS[style.color.number % len(_COLORS)])
    return " ".join(f"ni-{name}" for name in dict.fromkeys(named))


def _text(text: str) -> str:
    return escape(safe(text))
