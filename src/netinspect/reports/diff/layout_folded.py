"""Folded rows of the `diff` view: whole modules, repeated layers, a change of dtype in many tensors.

Only people see folded rows; machine-readable formats and `--no-fold` have one row per tensor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.reports.diff.patterns import shared_modules
from netinspect.reports.diff.record import DiffRow, DiffTensor

_NUMBER = re.compile(r"\d+")
_MIN_ROWS = 3
"""Minimum number of similar rows that are folded."""


class Fold(NamedTuple):
    """Several tensors as one row."""

    change: str
    name: str
    old: str
    new: str
    elements: int
    description: str


class _Unit(NamedTuple):
    """One tensor, or all tensors of a module that exists only on one side."""

    name: str
    rows: tuple[DiffRow, ...]
    signature: tuple[object, ...]
    """Equal for units that differ only in their name."""


def format_shape(tensor: DiffTensor | None, other: DiffTensor | None) -> str:
    """Format a shape, with `>` and `<` around each size that differs on the other side."""
    if tensor is None:
        return "-"
    shape = tensor.shape
    text = format_values.shape(shape)
    if other is not None and shape != other.shape and len(shape) == len(other.shape):
        sizes = (
            str(size) if size == there else f">{size}<"
            for size, there in zip(shape, other.shape, strict=True)
        )
        text = f"({', '.join(sizes)})"
    if tensor.dtype != "float32" or (other is not None and other.dtype != tensor.dtype):
        text += f" {tensor.dtype}"
    return text


def fold(rows: Sequence[DiffRow], *, with_values: bool) -> Iterator[DiffRow | Fold]:
    """Fold rows; a fold takes the position of its first row.

    Args:
        rows: The rows.
        with_values: Whether values were compared. If so, changed tensors are not folded, because each
            has its own numbers.
    """
    common = {} if with_values else _shared_changes(rows)
    all_units = list(_units(rows))
    groups: dict[tuple[object, ...], list[_Unit]] = {}
    for unit in all_units:
        groups.setdefault((_template(unit.name), unit.signature), []).append(unit)
    folds = {key: dict(_runs(group)) for key, group in groups.items()}
    yielded: set[int] = set()
    for unit in all_units:
        row = unit.rows[0]
        one = common.get(_only_change(row))
        if one is not None and len(unit.rows) == 1:
            if id(one) not in yielded:
                yielded.add(id(one))
                yield one
            continue
        run = folds[_template(unit.name), unit.signature][unit.name]
        if with_values and row.change == "changed":
            run = [unit]
        if len(run) >= _MIN_ROWS or len(run[0].rows) > 1:
            if run[0] is unit:
                yield _build_fold(run)
        else:
            yield row


def _shared_changes(rows: Iterable[DiffRow]) -> dict[tuple[str, str] | None, Fold]:
    """Return folds of tensors that differ only in dtype, or only in `requires_grad`."""
    groups: dict[tuple[str, str], list[DiffRow]] = {}
    for row in rows:
        change = _only_change(row)
        if change is not None:
            groups.setdefault(change, []).append(row)
    return {
        change: Fold(
            change="changed",
            name=_format_group(group),
            old=change[0],
            new=change[1],
            elements=sum(row.new.elements for row in group if row.new is not None),
            description=next(each for each in group[0].differs if each != "name"),
        )
        for change, group in groups.items()
        if len(group) > _MIN_ROWS
    }


def _only_change(row: DiffRow) -> tuple[str, str] | None:
    if row.old is None or row.new is None:
        return None
    differs = set(row.differs) - {"name"}
    if differs == {"dtype"}:
        return row.old.dtype, row.new.dtype
    if differs == {"trainable"}:
        labels = {True: "trainable", False: "frozen", None: ""}
        return labels[row.old.trainable], labels[row.new.trainable]
    return None


def _format_group(rows: Sequence[DiffRow]) -> str:
    """Format the number of tensors and the innermost module that contains all of them."""
    together = shared_modules([row.new.name for row in rows if row.new is not None])
    where = f" in {'.'.join(together)}" if together else ""
    return units.plural(len(rows), "tensor") + where


def _units(rows: Sequence[DiffRow]) -> Iterator[_Unit]:
    def key(numbered: tuple[int, DiffRow]) -> tuple[object, ...]:
        number, row = numbered
        return (row.change, row.branch) if row.branch else (number,)

    for _, group in groupby(enumerate(rows), key):
        together = tuple(row for _, row in group)
        first = together[0].new or together[0].old
        assert first is not None
        name = together[0].branch if together[0].branch and len(together) > 1 else first.name
        yield _Unit(
            name, together, (together[0].change, *(_signature(row, len(name)) for row in together))
        )


def _signature(row: DiffRow, start: int) -> tuple[object, ...]:
    either = row.new or row.old
    assert either is not None
    return (
        either.name[start:],
        row.differs,
        *((each.shape, each.dtype) if each is not None else None for each in (row.old, row.new)),
    )


def _template(name: str) -> str:
    return _NUMBER.sub("*", name)


def _runs(group: Sequence[_Unit]) -> Iterator[tuple[str, list[_Unit]]]:
    """Map each name to the units that differ from it only in one number, the one that varies most."""
    numbers = {unit.name: tuple(_NUMBER.findall(unit.name)) for unit in group}
    distinct = [len(set(found)) for found in zip(*numbers.values(), strict=True)]
    position = distinct.index(max(distinct)) if distinct else 0
    runs: dict[tuple[str, ...], list[_Unit]] = {}
    for unit in group:
        each = numbers[unit.name]
        runs.setdefault((*each[:position], *each[position + 1 :]), []).append(unit)
    for run in runs.values():
        yield from ((unit.name, run) for unit in run)


def _build_fold(run: Sequence[_Unit]) -> Fold:
    rows = [row for unit in run for row in unit.rows]
    row, count = rows[0], len(run[0].rows)
    old, new = (format_shape(row.old, row.new), format_shape(row.new, row.old))
    name = _format_run([unit.name for unit in run])
    if count > 1:
        what = units.plural(count, "tensor")
        old, new = ("-", what) if row.change == "added" else (what, "-")
        name += ".*"
    if len(run) > 1:
        name += f"  x{len(run)}"
    differs = ", ".join(each for each in row.differs if each != "name")
    return Fold(
        change=row.change,
        name=name,
        old=old,
        new=new,
        elements=sum(either.elements for each in rows if (either := each.new or each.old) is not None),
        description=differs or "-",
    )


def _format_run(names: Sequence[str]) -> str:
    """Format names that differ in one number: `layers.0..11.norm.weight`."""
    first = names[0]
    if len(names) == 1:
        return first
    spans = [match.span() for match in _NUMBER.finditer(first)]
    numbers = [_NUMBER.findall(name) for name in names]
    position = next(i for i in range(len(spans)) if len({each[i] for each in numbers}) > 1)
    found = sorted({int(each[position]) for each in numbers if len(each[position]) < 18})
    whole = len(found) == len(names) and found[-1] - found[0] == len(found) - 1
    start, end = spans[position]
    return first[:start] + (f"{found[0]}..{found[-1]}" if whole else "*") + first[end:]
