"""Filtering, sorting and limiting of table rows."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from netinspect.errors import UsageError, close_matches, suggestion
from netinspect.records.base import record

Row = TypeVar("Row")

_NAMED = 8
"""Maximum number of rows named in the hint of an error."""


def refuse_negative(name: str, limit: int | None) -> None:
    """Check that a limit is not negative.

    Raises:
        UsageError: It is below 0.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"{name} is {limit}", hint="give 0 or more; without it, there is no limit")


@record
class RowKeys(Generic[Row]):
    """The path and the numbers of a table's rows, for filtering and sorting."""

    path: Callable[[Row], str]
    """Dotted path that patterns are matched against."""

    numbers: Mapping[str, Callable[[Row], float]]
    """Sort keys; the largest number comes first. The first key is the main one: what
    the table is about."""

    path_key: str = "name"
    """Sort key of the path, which is also the key of its column."""

    severity: Callable[[Row], int] | None = None
    """Severity of the anomaly of a row, or 0; the most severe come first unless `sort` is given."""

    @property
    def names(self) -> tuple[str, ...]:
        """All sort keys."""
        return (*self.numbers, self.path_key)

    def resolve(self, sort: str) -> str:
        """Return the sort key for a key or the heading of its column; `name` is always the path's key.

        Raises:
            UsageError: There is no such key.
        """
        key = sort.lower().replace(" ", "_")
        if key == "name":
            return self.path_key
        if key not in self.names:
            raise UsageError(
                f"cannot sort by {sort!r}",
                hint="\n".join(
                    filter(None, (suggestion(key, self.names), f"the keys are: {', '.join(self.names)}"))
                ),
            )
        return key


class SelectedRows(NamedTuple, Generic[Row]):
    """The rows that a table shows, and the others."""

    shown: tuple[Row, ...]
    hidden: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters, sort order and limit for the rows of a table."""

    include: Iterable[str] = ()
    """Shell patterns such as `layer1.*`; if there are any, only paths that match one are shown."""

    exclude: Iterable[str] = ()
    """Shell patterns of paths that are not shown."""

    sort: str | None = None
    """A sort key of the table or the heading of its column; None for the main key of the table with
    `top`, and for the table's own order without."""

    top: int | None = None
    """Maximum number of rows; None for all."""

    @property
    def is_list(self) -> bool:
        """Whether rows are sorted, so that a tree becomes a list."""
        return self.sort is not None or self.top is not None

    def matching(self, rows: Sequence[Row], keys: RowKeys[Row], *, deeper: bool = False) -> list[Row]:
        """Return the rows that the filters let through.

        Args:
            rows: The rows.
            keys: The paths of the rows.
            deeper: Whether a limit of the depth leaves out rows further down, for the error.

        Raises:
            UsageError: There are rows, and none of them matches `include`.
        """
        included, excluded = _patterns(self.include), _patterns(self.exclude)
        paths = list(map(keys.path, rows))
        if included and paths and not any(_matches(path, included) for path in paths):
            raise _no_match(included, paths, deeper=deeper)
        return [
            row
            for row in rows
            if (not included or _matches(keys.path(row), included))
            and not _matches(keys.path(row), excluded)
        ]

    def apply(
        self, rows: Sequence[Row], keys: RowKeys[Row], *, deeper: bool = False
    ) -> SelectedRows[Row]:
        """Filter, sort and limit rows; rows with equal sort keys keep their order. See `matching`.

        Raises:
            UsageError: `sort` is not a key of the table, `top` is negative, or nothing matches.
        """
        refuse_negative("top", self.top)
        shown = self.matching(rows, keys, deeper=deeper)
        if self.is_list:
            name = next(iter(keys.numbers)) if self.sort is None else keys.resolve(self.sort)
            if name == keys.path_key:
                shown.sort(key=keys.path)
            else:
                shown.sort(key=keys.numbers[name], reverse=True)
        if self.sort is None and keys.severity is not None:
            shown.sort(key=keys.severity, reverse=True)
        shown = shown[: self.top]
        identities = set(map(id, shown))
        return SelectedRows(tuple(shown), tuple(row for row in rows if id(row) not in identities))


ALL_ROWS = Selection()
"""Every row, in the table's own order."""


def _no_match(patterns: Sequence[str], paths: Sequence[str], *, deeper: bool) -> UsageError:
    """Return the error for patterns that no path matches, with similar paths or parts of paths."""
    parts = [part for path in paths for part in path.split(".") if not part.isdecimal()]
    words = [pattern.strip("*?.") for pattern in patterns]
    near = [found for word in words if word for found in close_matches(word, [*paths, *parts])]
    names = " or ".join(map(repr, dict.fromkeys(near)))
    known = ", ".join(each for each in dict.fromkeys(paths[:_NAMED]) if each)
    more = ", ..." if len(paths) > _NAMED else ""
    if names:
        hint = f"did you mean {names}?"
    elif known:
        hint = f"the rows are: {known}{more}"
    else:
        hint = "the only row is the model itself, which has no name: leave --include out"
    if deeper:
        hint += "\nrows further down come with --depth 0"
    return UsageError(f"no row matches {' or '.join(patterns)}", hint=hint)


def _patterns(patterns: Iterable[str]) -> list[str]:
    # A single pattern is a sequence too: of its letters.
    return [patterns] if isinstance(patterns, str) else list(patterns)


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
