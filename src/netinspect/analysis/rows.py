"""Filtering, sorting and limiting of table rows."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from netinspect.errors import UsageError, suggestion

Row = TypeVar("Row")
SortKeys = Mapping[str, Callable[[Row], tuple[float, str]]]
"""What rows may be sorted by: numbers from the largest, ties and names from the first."""


def refuse_negative(name: str, limit: int | None) -> None:
    """Refuse a limit that counts nothing.

    Raises:
        UsageError: It is below 0.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"{name} is {limit}", hint="give 0 or more; without it, there is no limit")


def select_rows(
    rows: Sequence[Row],
    path: Callable[[Row], str],
    *,
    include: Iterable[str],
    exclude: Iterable[str],
    keys: SortKeys[Row],
    sort: str | None,
    top: int | None,
    titles: Mapping[str, str] | None = None,
) -> list[Row]:
    """Filter, sort and limit rows.

    Args:
        rows: The rows, in their own order.
        path: Returns the dotted path that patterns are matched against.
        include: Shell patterns such as `layer1.*`; if any, only paths that match one are kept.
        exclude: Shell patterns of paths to leave out.
        keys: What may be sorted by.
        sort: One of the keys; None for the rows' own order.
        top: Keep only so many; None for all.
        titles: What else the keys are called: the titles that people see above the columns.

    Raises:
        UsageError: `sort` is no such key, or `top` is negative.
    """
    refuse_negative("top", top)
    if sort is not None and sort not in keys:
        sort = (titles or {}).get(sort.lower(), sort.lower() if sort.lower() in keys else sort)
    if sort is not None and sort not in keys:
        raise UsageError(
            f"cannot sort by {sort!r}", hint=suggestion(sort, keys) or f"one of {', '.join(keys)}"
        )
    # A text is a sequence of its letters too, which no one means.
    included = [include] if isinstance(include, str) else list(include)
    excluded = [exclude] if isinstance(exclude, str) else list(exclude)
    kept = [
        row
        for row in rows
        if (not included or _matches(path(row), included)) and not _matches(path(row), excluded)
    ]
    if sort is not None:
        kept.sort(key=keys[sort])
    return kept if top is None else kept[:top]


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
