"""Table of tensors of the `diff` report, and the marks of changes in all its tables."""

from __future__ import annotations

from collections.abc import Callable

from netinspect._utils import units
from netinspect.records.comparison import Comparison
from netinspect.rendering.columns import count_column, name_column
from netinspect.rendering.document import (
    Cell,
    Column,
    Row,
    T,
    Table,
    cell,
    make_row,
    make_table,
)
from netinspect.rendering.styles import StyleName
from netinspect.reports.diff.layout_folded import Fold, fold, format_shape
from netinspect.reports.diff.record import Diff, DiffRow, DiffTensor

_LOOKS: dict[str, tuple[str, StyleName]] = {
    "added": ("+", "added"),
    "removed": ("-", "removed"),
    "changed": ("~", "changed"),
    "renamed": (">", "renamed"),
    "moved": (">", "renamed"),
    "guess": ("?", "hint"),
    "tied": ("~", "changed"),
    "untied": ("~", "changed"),
}
MARKS = {change: mark for change, (mark, _) in _LOOKS.items()}
STYLES = {change: style for change, (_, style) in _LOOKS.items()}


def change_column(change: Callable[[T], str]) -> Column[T]:
    """Return the column of the kind of a change, which people see as a mark."""
    return Column(
        key="change",
        value=change,
        text=lambda row: MARKS[change(row)],
        style=lambda row: STYLES[change(row)],
    )


def build_tensors(report: Diff) -> Table:
    """Build the table of the tensors that differ; folded, if the report is."""
    columns = _columns(report)
    folded: list[Row] | None = None
    if report.fold:
        shown = [row for row in report.rows if not _is_covered_by_rename(row, report)]
        folded = [
            _fold_row(columns, each)
            if isinstance(each, Fold)
            else make_row(columns, {column.key: column.make_cell(each) for column in columns})
            for each in fold(shown, with_values=report.values is not None)
        ]
    return make_table("tensors", columns, report.rows, folded=folded)


def _columns(report: Diff) -> tuple[Column[DiffRow], ...]:
    return (
        change_column(lambda row: row.change),
        name_column(
            "name",
            lambda row: _either(row).name,
            text=lambda row: _name(row, report),
            style=lambda row: STYLES[row.change],
            min_width=38,
        ),
        Column(
            key="old_name",
            value=lambda row: row.old.name if row.old else None,
            shown=False,
            in_plain=True,
        ),
        Column(
            key="old_shape",
            value=lambda row: _shape(row.old),
            text=lambda row: format_shape(row.old, row.new),
            min_width=14,
        ),
        Column(key="new_shape", value=lambda row: _shape(row.new), text=_new_shape, min_width=14),
        Column(
            key="old_dtype",
            value=lambda row: row.old.dtype if row.old else None,
            shown=False,
            in_plain=True,
        ),
        Column(
            key="new_dtype",
            value=lambda row: row.new.dtype if row.new else None,
            shown=False,
            in_plain=True,
        ),
        count_column("elements", lambda row: _either(row).elements, drop=5),
        *(_VALUES if report.values is not None else ()),
        Column(
            key="differs",
            value=lambda row: ",".join(row.differs) or _tie(row),
            text=lambda row: ", ".join(_format_differences(row)) or "-",
            drop=1,
            min_width=16,
            hide_if_all=lambda row: not _format_differences(row),
        ),
        Column(
            key="guessed_name", value=lambda row: row.guessed_name or None, shown=False, in_plain=True
        ),
    )


def _number(
    key: str,
    value: Callable[[Comparison], int | float | None],
    format_number: Callable[[int | float], str],
    drop: int = 0,
) -> Column[DiffRow]:
    """Return the column of a number that compares the values of a pair."""

    def number(row: DiffRow) -> int | float | None:
        return None if row.values is None else value(row.values)

    def text(row: DiffRow) -> str:
        found = number(row)
        return "-" if found is None else format_number(found)

    return Column(key=key, value=number, text=text, align="right", drop=drop)


_VALUES: tuple[Column[DiffRow], ...] = (
    _number("max_absolute", lambda values: values.max_absolute, units.decimal),
    _number("max_relative", lambda values: values.max_relative, units.decimal, drop=6),
    _number("relative_norm", lambda values: values.relative_norm, units.decimal, drop=3),
    _number("cosine", lambda values: values.cosine, units.decimal, drop=4),
    _number("differing", lambda values: values.differing, lambda found: f"{found:,}", drop=7),
    Column(
        key="identical",
        value=lambda row: None if row.values is None else row.values.identical,
        shown=False,
    ),
)


def _is_covered_by_rename(row: DiffRow, report: Diff) -> bool:
    return row.change == "renamed" and any(report.renames[each].names > 1 for each in row.renames)


def _either(row: DiffRow) -> DiffTensor:
    either = row.new or row.old
    assert either is not None
    return either


def _name(row: DiffRow, report: Diff) -> str:
    name = units.name(_either(row).name)
    if row.old is None:
        return name
    is_single_rename = any(report.renames[each].names == 1 for each in row.renames)
    is_unexplained = row.new is not None and row.old.name != row.new.name and not row.renames
    if is_single_rename or is_unexplained:
        return f"{units.name(row.old.name)} > {name}"
    return name


def _shape(tensor: DiffTensor | None) -> str | None:
    return None if tensor is None else "x".join(map(str, tensor.shape))


def _new_shape(row: DiffRow) -> str:
    """Return the shape in b, or a short text if it equals the shape in a."""
    old, new = row.old, row.new
    if old is not None and new is not None and (old.shape, old.dtype) == (new.shape, new.dtype):
        return "the same"
    return format_shape(new, old)


def _format_differences(row: DiffRow) -> list[str]:
    """List differences other than the name; for an added or removed tensor, what it is tied to."""
    parts = [_format_difference(each, row) for each in row.differs if each != "name"]
    return [*parts, tie] if (tie := _tie(row)) else parts


def _tie(row: DiffRow) -> str:
    """Describe what an added or removed tensor is tied to; it differs in nothing."""
    either = row.new if row.old is None else row.old if row.new is None else None
    return f"tied to {either.tied_to[0]}" if either is not None and either.tied_to else ""


def _format_difference(difference: str, row: DiffRow) -> str:
    """Format one difference; for values, include the counts of NaN."""
    if difference != "values" or row.values is None:
        return difference
    sides = ((row.values.left_nan, "a"), (row.values.right_nan, "b"))
    return ", ".join(
        [difference, *(f"{units.count(count)} NaN in {side}" for count, side in sides if count)]
    )


def _fold_row(columns: tuple[Column[DiffRow], ...], each: Fold) -> Row:
    """Return one row for several tensors."""
    style = STYLES[each.change]
    cells: dict[str, Cell | str] = {
        "change": cell(each.change, MARKS[each.change], style=style),
        "name": cell(each.name, style=style),
        "old_shape": each.old,
        "new_shape": each.new,
        "elements": cell(each.elements, units.count(each.elements)),
        "differs": each.description,
    }
    return make_row(columns, cells)
