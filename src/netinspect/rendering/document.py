"""Documents: titles, tables, code and notes, independent of the output format."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload
from typing import Literal as OneOf

from netinspect.errors import Excerpt
from netinspect.records.base import record, replace
from netinspect.rendering.styles import StyleName

T = TypeVar("T")
Item = TypeVar("Item", contravariant=True)
"""The record that a row of a table is made from."""


@record
class Span:
    """Text in one style."""

    text: str
    style: StyleName = ""


Value = str | int | float | bool | None


@record
class Cell:
    """One cell of a table."""

    text: str
    """Text for people."""

    value: Value
    """Value for programs: full names, exact numbers in base units."""

    style: StyleName = ""
    link: str = ""
    """Place that a terminal links the text to, as `file:line`; empty for none."""
    bar: float | None = None
    """Amount that a bar after the text shows, at least 0; None for no bar."""


@record
class Column(Generic[Item]):
    """One column of a table: its key, its layout, and the functions that make its cells."""

    key: str
    """Name in machine formats and options, in lower snake case."""

    value: Callable[[Item], Value]
    """Return the value for programs."""

    text: Callable[[Item], str] | None = None
    """Return the text for people; None shows the value."""

    style: Callable[[Item], StyleName] | None = None
    link: Callable[[Item], str | None] | None = None
    """Return the place in source code to which a terminal links the text, as `file:line`."""

    tree: bool = False
    """Whether the branches of the tree of rows are drawn before the text; see `Row.level`."""

    align: OneOf["left", "right"] = "left"
    drop: int = 0
    """Order in which columns are dropped if the width is too small: the largest first, equal numbers
    together, 0 never."""

    min_width: int | None = None
    """Smallest useful width; None for a column that is never cut."""

    least_width: int = 0
    """Cells that the column takes even if its texts are shorter, where lines have no limit."""

    elide: OneOf["middle", "end"] = "end"
    shown: bool = True
    """Whether the column is shown by default to people and in `plain`; `csv` always has it."""

    in_plain: bool | None = None
    """Whether `plain` has the column by default; None if it is the same as for people."""

    bar: Callable[[Item], float | None] | None = None
    """Return the amount that the bar of a row shows. The bar of the largest one is full: in a tree with
    sums that is the whole, and in a list small shares still differ. Bars are drawn in the width that is
    left by the columns, except by those of the least use; they never cost part of a name."""

    hide_if_all: Callable[[Item], bool] | None = None
    """Hide the column by default, as with `shown`, if this holds for every row."""

    @property
    def heading(self) -> str:
        """The text above the column: the key with spaces for underscores."""
        return self.key.replace("_", " ")

    def make_cell(self, item: Item) -> Cell:
        """Return the cell of one record."""
        return cell(
            self.value(item),
            None if self.text is None else self.text(item),
            "" if self.style is None else self.style(item),
            "" if self.link is None else self.link(item) or "",
            None if self.bar is None else self.bar(item),
        )


@record
class Row:
    """One row of a table."""

    cells: tuple[Cell, ...]
    style: StyleName = ""
    level: int = 0
    """Level in the tree of rows, which are in the order of an outline: 0 at the top, and below each row
    its own branch."""

    place: tuple[int, ...] = ()
    """Place in what the table shows, for tables that draw guides of their own."""

    guide: str | None = None
    """Text drawn before the cell in the column of the tree; None for the branches of its level."""

    def style_of(self, cell: Cell) -> StyleName:
        """Return the style of a cell: its own, else that of the row; `-` and zero are quiet."""
        is_empty = cell.text == "-" or (type(cell.value) in (int, float) and not cell.value)
        return cell.style or self.style or ("empty" if is_empty else "")


class LaterRows(Sequence[Row]):
    """Rows that are built on first access."""

    def __init__(self, make: Callable[[], Iterable[Row]]) -> None:
        self._make = make
        self._made: tuple[Row, ...] | None = None

    def _rows(self) -> tuple[Row, ...]:
        if self._made is None:
            self._made = tuple(self._make())
        return self._made

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...

    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        return self._rows()[index]

    def __len__(self) -> int:
        return len(self._rows())


@record
class Table:
    """A table; in machine formats, each row is one record."""

    name: str
    """Heading, shown if a document has several tables."""

    columns: tuple[Column[Any], ...]
    rows: Sequence[Row]
    footer: tuple[Row, ...] = ()
    """Totals; machine formats have them as comments, not as records: see `machine.comments`."""

    folded: Sequence[Row] | None = None
    """Folded rows for people, shown instead of `rows`."""

    folded_footer: tuple[Row, ...] | None = None
    """Totals for people, shown instead of `footer`."""

    rest: Callable[[int], Line] | None = None
    """Return the line shown instead of the rows after the first so many, of a list whose first rows
    matter most; None for a table that is always shown whole."""

    add_guides: Callable[[Sequence[Row]], Sequence[Row]] | None = None
    """Return rows with a guide, for rows of which some may have been left out; None for rows whose
    guides are the branches of their levels."""

    def with_guides(self) -> Table:
        """Return the table with the guides of the rows that people see, and room for them."""
        if self.add_guides is None:
            return self
        rows = self.add_guides(self.shown_rows)
        widest = max((len(row.guide or "") for row in rows), default=0)
        columns = tuple(
            replace(each, min_width=each.min_width + widest)
            if each.tree and each.min_width is not None
            else each
            for each in self.columns
        )
        return replace(self, folded=rows, columns=columns)

    @property
    def shown_rows(self) -> Sequence[Row]:
        """The rows shown to people."""
        return self.rows if self.folded is None else self.folded

    @property
    def shown_footer(self) -> Sequence[Row]:
        """The totals shown to people."""
        return self.footer if self.folded_footer is None else self.folded_footer


@record
class CodeLine:
    """One line of code."""

    number: int
    text: str
    note: str
    failed: bool
    note_style: StyleName = "code_note"


@record
class Code:
    """Source code with notes at the ends of its lines."""

    name: str
    lines: tuple[CodeLine, ...]


@record
class Lines:
    """Text that has its own layout, such as a printed tensor."""

    name: str
    lines: tuple[str, ...]


Block = Table | Code | Lines
Line = tuple[Span, ...]


@record
class Legend:
    """The meaning of some columns, for people."""

    text: str
    about: tuple[str, ...]
    """Keys of the columns; the legend is shown if one of them is."""


@record
class Document:
    """The layout of a report: title, blocks and notes."""

    title: Line
    blocks: tuple[Block, ...]
    notes: tuple[Line, ...] = ()
    legends: tuple[Legend, ...] = ()
    """Shown between the blocks and the notes."""

    failure: tuple[Line | Excerpt, ...] = ()
    """Explanation of a failed forward, for people; empty if an error message already explains it."""

    @property
    def filled_blocks(self) -> tuple[Block, ...]:
        """The blocks shown to people, without empty tables."""
        filled = tuple(
            block for block in self.blocks if not isinstance(block, Table) or block.shown_rows
        )
        return filled or self.blocks[:1]

    def notes_with(self, keys: Container[str]) -> Iterator[Line]:
        """Yield the notes for people, after the legends of the columns of the given keys."""
        for legend in self.legends:
            if any(key in keys for key in legend.about):
                yield line((legend.text, "hint"))
        yield from self.notes

    def has_heading(self, block: Block) -> bool:
        """Return whether a block's name is shown above it; printed tensors always have it."""
        return bool(block.name) and (len(self.filled_blocks) > 1 or isinstance(block, Lines))


def line(*parts: str | tuple[str, StyleName]) -> Line:
    """Make a line of plain strings and (text, style) pairs."""
    return tuple(
        Span(text=part) if isinstance(part, str) else Span(text=part[0], style=part[1]) for part in parts
    )


def cell(
    value: Value,
    text: str | None = None,
    style: StyleName = "",
    link: str = "",
    bar: float | None = None,
) -> Cell:
    """Make a cell; without a text for people, the value itself is shown, and None as a dash."""
    if text is None:
        text = "-" if value is None else str(value)
    return Cell(text=text, value=value, style=style, link=link, bar=bar)


def make_table(
    name: str,
    columns: Sequence[Column[T]],
    items: Iterable[T],
    *,
    style: Callable[[T], StyleName] | None = None,
    level: Callable[[T], int] | None = None,
    place: Callable[[T], tuple[int, ...]] | None = None,
    footer: Sequence[Row] = (),
    folded: Iterable[T | Row] | None = None,
    folded_footer: Sequence[Row] | None = None,
    rest: Callable[[int], Line] | None = None,
    add_guides: Callable[[Sequence[Row]], Sequence[Row]] | None = None,
) -> Table:
    """Make a table with one row for each record.

    Args:
        name: Heading of the table.
        columns: The columns; each makes its own cells.
        items: The records.
        style: Return the style of a record's row.
        level: Return the level of a record's row in the tree of rows.
        place: Return the place of a record's row; see `Row.place`.
        footer: Rows of totals.
        folded: The rows that people see, or their records; None for the rows of all records.
        folded_footer: Rows of totals that people see; None for `footer`.
        rest: Return the line shown instead of the rows after the first so many; see `Table.rest`.
        add_guides: Return rows with guides; see `Table.add_guides`.
    """
    given = list(items)

    def make_rows(given: Iterable[T | Row]) -> Iterable[Row]:
        return (
            each
            if isinstance(each, Row)
            else Row(
                cells=tuple(column.make_cell(each) for column in columns),
                style="" if style is None else style(each),
                level=0 if level is None else level(each),
                place=() if place is None else place(each),
            )
            for each in given
        )

    empty = {
        column.key
        for column in columns
        if column.hide_if_all is not None and all(map(column.hide_if_all, given))
    }
    return Table(
        name=name,
        columns=hide_columns(columns, empty),
        rows=LaterRows(lambda: make_rows(given)),
        footer=tuple(footer),
        folded=None if folded is None else LaterRows(lambda: make_rows(folded)),
        folded_footer=None if folded_footer is None else tuple(folded_footer),
        rest=rest,
        add_guides=add_guides,
    )


def hide_columns(columns: Iterable[Column[T]], keys: Container[str]) -> tuple[Column[T], ...]:
    """Return columns with those of the given keys hidden by default; see `Column.shown`."""
    return tuple(replace(each, shown=False) if each.key in keys else each for each in columns)


def make_row(
    columns: Sequence[Column[Any]], cells: Mapping[str, Cell | str], style: StyleName = ""
) -> Row:
    """Make a row of given cells by column key, such as a total; a string is text for people only."""
    given = (cells.get(column.key, "") for column in columns)
    return Row(
        cells=tuple(cell(None, each) if isinstance(each, str) else each for each in given), style=style
    )


def find_containers(levels: Sequence[int]) -> list[bool]:
    """Return whether each row of a tree has rows below it, from the levels of the rows in order."""
    return [below > level for level, below in zip(levels, (*levels[1:], 0), strict=False)]


def draw_branches(levels: Sequence[int]) -> list[str]:
    """Return what is drawn before each row of a tree, from the levels of the rows in order."""
    drawn: list[str] = []
    goes_on: list[bool] = []
    """For each level, whether another row follows in the same branch."""
    for level in reversed(levels):
        above, ends = goes_on[: level + 1], level >= len(goes_on) or not goes_on[level]
        above += [False] * (level + 1 - len(above))
        lines = "".join("│  " if each else "   " for each in above[1:level])
        drawn.append((lines + ("└─ " if ends else "├─ ")) if level else "")
        above[level] = True
        goes_on = above
    return drawn[::-1]
