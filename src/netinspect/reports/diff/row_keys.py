"""Sort keys of the differences between two state dicts."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from netinspect.analysis.rows import RowKeys, Selection
from netinspect.errors import UsageError
from netinspect.records.base import replace
from netinspect.reports.diff.record import DiffRow


def _path(row: DiffRow) -> str:
    tensor = row.new or row.old
    return "" if tensor is None else tensor.name


def _elements(row: DiffRow) -> int:
    tensor = row.new or row.old
    return 0 if tensor is None else tensor.elements


def _change(row: DiffRow) -> float:
    """Return the change of values; added and removed names come first, then pairs without a number."""
    if row.old is None or row.new is None:
        return math.inf
    if row.values is None or row.values.max_absolute is None:
        return sys.float_info.max
    return row.values.max_absolute


def _size_of_change(row: DiffRow) -> int:
    """Return the elements of a tensor that differs in more than its name."""
    return 0 if row.change == "renamed" else _elements(row)


def _of_values(name: str) -> Callable[[DiffRow], float]:
    def number(row: DiffRow) -> float:
        found = None if row.values is None else getattr(row.values, name)
        return -math.inf if found is None else found

    return number


_VALUE_KEYS = {
    "change": _change,
    **{
        name: _of_values(name) for name in ("max_absolute", "max_relative", "relative_norm", "differing")
    },
}
ROW_KEYS: RowKeys[DiffRow] = RowKeys(
    path=_path, numbers={**_VALUE_KEYS, "elements": _elements}, path_key="name"
)
"""Keys of a comparison of values; without one, see `row_keys`."""


def row_keys(*, values: bool) -> RowKeys[DiffRow]:
    """Return the sort keys; without values, the main one is the size of what changed.

    Args:
        values: Whether values are compared.
    """
    return (
        ROW_KEYS
        if values
        else replace(ROW_KEYS, numbers={"change": _size_of_change, "elements": _elements})
    )


def check_selection(selection: Selection, *, values: bool) -> None:
    """Validate a selection before values are read.

    Raises:
        UsageError: The sort key is unknown, or needs values that are not compared.
    """
    if selection.sort is not None:
        key = ROW_KEYS.resolve(selection.sort)
        if not values and key in _VALUE_KEYS:
            raise UsageError(f"--sort {key} needs the values", hint="add --compare-values")
