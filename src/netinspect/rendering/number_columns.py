"""Columns of counts and of bytes, which the layouts of several reports declare."""

from __future__ import annotations

from collections.abc import Callable

from netinspect._utils import units
from netinspect.rendering.document import Column, T


def count_column(key: str, count: Callable[[T], int], *, drop: int = 0, shown: bool = True) -> Column[T]:
    """Return a column of whole numbers, with separators of thousands for people."""
    return Column(
        key=key,
        value=count,
        text=lambda item: units.count(count(item)),
        align="right",
        drop=drop,
        shown=shown,
    )


def size_column(key: str, size: Callable[[T], int], *, drop: int = 0, shown: bool = True) -> Column[T]:
    """Return a column of bytes, in powers of 1024 for people."""
    return Column(
        key=key,
        value=size,
        text=lambda item: units.size(size(item)),
        align="right",
        drop=drop,
        shown=shown,
    )
