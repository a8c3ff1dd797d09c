"""Rows of a difference that say one thing: whole modules, alike layers, one change of type.

They are folded for people only; programs and `--no-fold` have every tensor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.reports.diff.record import DiffRow, DiffTensor

_NUMBER = re.compile(r"\d+")
_FEWEST = 3
"""Alike rows are folded from so many on."""


class Fold(NamedTuple):
    """Several tensors as one row."""

    change: str
    name: str
    old: str
    new: str
    elements: int
    description: str


class _Unit(NamedTuple):
    """One tensor, or all tensors of a module that is on one side only."""

    name: str
    rows: tuple[DiffRow, ...]
    sign: tuple[object, ...]
    """Equal for units that differ in their name only."""


def format_shape(tensor: DiffTensor | None, other: DiffTensor | None) -> str:
    """Spell a shape, each size that is not the same on the other side between `>` and `<`."""
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
    """Fold rows, each fold in the place of its first row.

    Args:
        rows: The rows.
        with_values: Whether values were compared: then each changed tensor has numbers of its own.
    """
    common = {} if with_values else _common(rows)
    all_units = list(_units(rows))
    groups: dict[tuple[object, ...], list[_Unit]] = {}
    for unit in all_units:
        groups.setdefault((_template(unit.name), unit.sign), []).append(unit)
    folds = {key: dict(_runs(group)) for key, group in groups.items()}
    yielded: set[int] = set()
    for unit in all_units:
        row = unit.rows[0]
        one = common.get(_one_change(row))
        if one is not None and len(unit.rows) == 1:
            if id(one) not in yielded:
                yielded.add(id(one))
                yield one
            continue
        run = folds[_template(unit.name), unit.sign][unit.name]
        if with_values and row.change == "changed":
            run = [unit]
        if len(run) >= _FEWEST or len(run[0].rows) > 1:
            if run[0] is unit:
                yield _folded(run)
        else:
            yield row


def _common(rows: Iterable[DiffRow]) -> dict[tuple[str, str] | None, Fold]:
    """Changes of type, or of what is trained, alone, if several tensors share them."""
    groups: dict[tuple[str, str], list[DiffRow]] = {}
    for row in rows:
        change = _one_change(row)
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
        if len(group) > _FEWEST
    }


def _one_change(row: DiffRow) -> tuple[str, str] | None:
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
    """Spell how many tensors they are, and the module that they are all in."""
    paths = [row.new.name.split(".")[:-1] for row in rows if row.new is not None]
    both = zip(min(paths), max(paths), strict=False)
    together = [first for first, _ in takewhile(lambda pair: pair[0] == pair[1], both)]
    where = f" in {'.'.join(together)}" if together else ""
    return units.plural(len(rows), "tensor") + where


def _units(rows: Sequence[DiffRow]) -> Iterator[_Unit]:
    def key(numbered: tuple[int, DiffRow]) -> tuple[object, ...]:
        number, row = numbered
        return (row.change, row.branch) if row.branch else (number,)

    for _, group in groupby(enumerate(rows), key):
        members = tuple(row for _, row in group)
        first = members[0].new or members[0].old
        assert first is not None
        name = members[0].branch if members[0].branch and len(members) > 1 else first.name
        yield _Unit(name, members, (members[0].change, *(_sign(row, len(name)) for row in members)))


def _sign(row: DiffRow, start: int) -> tuple[object, ...]:
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
    """Map each name to the units that differ from it in one number only: that which varies most."""
    numbers = {unit.name: tuple(_NUMBER.findall(unit.name)) for unit in group}
    distinct = [len(set(found)) for found in zip(*numbers.values(), strict=True)]
    place = distinct.index(max(distinct)) if distinct else 0
    runs: dict[tuple[str, ...], list[_Unit]] = {}
    for unit in group:
        each = numbers[unit.name]
        runs.setdefault((*each[:place], *each[place + 1 :]), []).append(unit)
    for run in runs.values():
        yield from ((unit.name, run) for unit in run)


def _folded(run: Sequence[_Unit]) -> Fold:
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
    """Spell names that differ in one number: `layers.0..11.norm.weight`."""
    first = names[0]
    if len(names) == 1:
        return first
    spans = [match.span() for match in _NUMBER.finditer(first)]
    numbers = [_NUMBER.findall(name) for name in names]
    place = next(i for i in range(len(spans)) if len({each[i] for each in numbers}) > 1)
    found = sorted({int(each[place]) for each in numbers if len(each[place]) < 18})
    whole = len(found) == len(names) and found[-1] - found[0] == len(found) - 1
    start, end = spans[place]
    return first[:start] + (f"{found[0]}..{found[-1]}" if whole else "*") + first[end:]
