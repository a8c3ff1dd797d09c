"""Identical named tensors at the same place of repeated blocks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from netinspect.analysis.repeats import Repeats, without_numbers
from netinspect.records.base import replace
from netinspect.records.named_tensors import NamedTensor


class _Node(NamedTuple):
    """A prefix of names, or a tensor."""

    prefix: str
    at: int | None
    """Index of the tensor; None for a prefix."""


_ROOT = _Node("", None)


def mark_repeats(rows: Sequence[NamedTensor]) -> tuple[NamedTensor, ...]:
    """Set `repeats`, `last_name` and `repeat_of` of tensors, in the order of the rows.

    Blocks are prefixes of the dotted names. Consecutive siblings are identical if their tensors have
    the same names, shapes, dtypes and flags, and are not tied.
    """
    children: dict[_Node, dict[str, _Node]] = {_ROOT: {}}
    for index, row in enumerate(rows):
        above = _ROOT
        *parts, key = row.name.split(".")
        for part in parts:
            below = _Node(f"{above.prefix}{part}.", None)
            children[above].setdefault(part, below)
            children.setdefault(below, {})
            above = below
        label = f"{key}="  # a prefix may have the same name
        while label in children[above]:
            label += "="
        children[above][label] = _Node(row.name, index)

    def facts(node: _Node) -> Hashable:
        return None if node.at is None else _facts(rows[node.at])

    for node, below_it in children.items():
        if all(part.isdecimal() for part in below_it):
            # A file may be sorted by text: 0, 1, 10, 2.
            children[node] = dict(sorted(below_it.items(), key=lambda each: int(each[0][:18])))
    repeats = Repeats(
        _ROOT, lambda node: children.get(node, {}), facts, ordered=False, label_key=without_numbers
    )
    groups: dict[int, list[int]] = {}
    for entry in repeats.outline(_depth(rows)):
        if entry.node.at is not None:
            first = entry.node if entry.repeat_of is None else entry.repeat_of
            if first.at is not None:
                groups.setdefault(first.at, []).append(entry.node.at)
    marked = list(rows)
    for first_index, (_, *others) in groups.items():
        if others:
            last = rows[others[-1]].name
            marked[first_index] = replace(rows[first_index], repeats=1 + len(others), last_name=last)
        for index in others:
            marked[index] = replace(rows[index], repeat_of=rows[first_index].name)
    return tuple(marked)


def _depth(rows: Sequence[NamedTensor]) -> int:
    return max((row.name.count(".") + 1 for row in rows), default=0)


def _facts(row: NamedTensor) -> Hashable:
    return (
        row.kind,
        row.shape,
        row.dtype,
        row.bytes,
        row.counted,
        row.tied_to,
        row.trainable,
        row.persistent,
        row.layout,
        row.stored and (row.stored.stride, row.stored.storage_bytes, len(row.stored.pieces)),
    )
