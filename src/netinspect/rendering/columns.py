"""Columns of names, counts, bytes and shares, which the layouts of several reports declare."""

from __future__ import annotations

from collections.abc import Callable

from netinspect._utils import units
from netinspect.rendering.document import Column, T
from netinspect.rendering.styles import StyleName


def name_column(
    key: str,
    name: Callable[[T], str],
    *,
    min_width: int,
    text: Callable[[T], str] | None = None,
    style: Callable[[T], StyleName] | None = None,
    tree: bool = False,
    drop: int = 0,
) -> Column[T]:
    """Return a column of names, cut in the middle, where they differ least.

    In a tree, the renderer distinguishes containers and layers by their branches.
    """
    return Column(
        key=key,
        value=name,
        text=text,
        style=style or (None if tree else lambda _: "name"),
        tree=tree,
        drop=drop,
        min_width=min_width,
        elide="middle",
    )


def count_column(
    key: str,
    count: Callable[[T], int],
    *,
    drop: int = 0,
    shown: bool = True,
    zero: str | None = None,
    format_count: Callable[[int], str] = units.count,
    bar: Callable[[T], float | None] | None = None,
    repeats: Callable[[T], int] = lambda _: 1,
) -> Column[T]:
    """Return a column of whole numbers, with separators of thousands for people.

    Args:
        key: Key of the column.
        count: Return the number of a row.
        drop: Order in which the column is dropped.
        shown: Whether it is shown to people by default.
        zero: Text of 0 for people; None for the number itself.
        format_count: Format a number for people.
        bar: Return the amount that the bar of a row shows; see `Column.bar`.
        repeats: Return the number of items in a row, each with that number.
    """

    def text(item: T) -> str:
        number = count(item)
        if zero is not None and not number:
            return zero
        return units.times(repeats(item), format_count(number))

    return Column(key=key, value=count, text=text, align="right", drop=drop, shown=shown, bar=bar)


def size_column(
    key: str,
    size: Callable[[T], int],
    *,
    drop: int = 0,
    shown: bool = True,
    zero: str | None = None,
    repeats: Callable[[T], int] = lambda _: 1,
) -> Column[T]:
    """Return a column of bytes, in powers of 1024 for people; see `count_column`."""
    return count_column(
        key, size, drop=drop, shown=shown, zero=zero, format_count=units.size, repeats=repeats
    )


def share_column(
    key: str,
    share: Callable[[T], float],
    *,
    drop: int = 0,
    zero: str | None = None,
    repeats: Callable[[T], int] = lambda _: 1,
    in_other: Callable[[T], bool] = lambda _: False,
) -> Column[T]:
    """Return a column of shares from 0 to 1, in percent and with bars for people; see `count_column`.

    Args:
        key: Key of the column.
        share: Return the share of a row.
        drop: Order in which the column is dropped.
        zero: Text of 0 for people; None for the percentage itself.
        repeats: Return the number of items in a row, each with that share.
        in_other: Return whether a share is contained in that of another row; people see a dash.
    """

    def text(item: T) -> str:
        number = share(item)
        if in_other(item):
            return "-"
        if zero is not None and not number:
            return zero
        return units.times(repeats(item), units.percent(number))

    return Column(
        key=key,
        value=lambda item: round(share(item), 6),
        text=text,
        align="right",
        drop=drop,
        bar=lambda item: None if in_other(item) else repeats(item) * share(item),
    )
