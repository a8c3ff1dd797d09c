"""Rows of a tree that people see: identical blocks once, and the branch that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class TreeRow(Protocol):
    """A row of a tree."""

    @property
    def depth(self) -> int:
        """Level in the tree, 0 at the top."""

    @property
    def repeat_of(self) -> str | int | None:
        """Path or index of the same row in the first of its repeated siblings."""

    @property
    def failed(self) -> bool:
        """Whether a call failed in its branch."""


R = TypeVar("R", bound=TreeRow)


def fold_rows(rows: Sequence[R]) -> list[R]:
    """Return the rows without repeated blocks; after a failure, without branches that did not fail."""
    failed = any(row.failed for row in rows)
    closed: int | None = None
    """Level of the closed row that the current row is below; None if it is below none."""
    shown: list[R] = []
    for row in rows:
        if closed is not None and row.depth > closed:
            continue
        closed = row.depth if failed and not row.failed else None
        if row.repeat_of is None:
            shown.append(row)
    return shown
