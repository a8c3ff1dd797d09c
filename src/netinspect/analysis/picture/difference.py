"""Pictures of two models in one: what both have, what changed, and what only one of them has."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Literal as OneOf

from netinspect.analysis.header import build_header
from netinspect.analysis.picture.build import build_picture, path_in
from netinspect.analysis.picture.calls import Call, in_order
from netinspect.analysis.picture.trace_calls import calls_of_trace, notes_of_trace
from netinspect.records.base import replace
from netinspect.records.picture import Picture, Template
from netinspect.records.report_header import Operand
from netinspect.records.trace import Trace
from netinspect.records.work import Cost, sum_of

Partners = Mapping[str, str]
"""Paths of modules of the other model by the paths of this one."""

_MOST_COMPARISONS = 1_000_000
"""Up to so many pairs of calls a longest common sequence is searched for with frequent calls too."""


def difference_of_traces(a: Trace, b: Trace, partners: Partners, *, fold: bool = True) -> Picture:
    """Build the picture of a model in comparison with another one.

    Args:
        a: The trace that is shown: amounts, shapes and source lines of what both have are from it.
        b: The trace of the other model.
        partners: Paths of modules in `b` by the paths in `a`.
        fold: Whether identical boxes are one item.
    """
    calls = join_calls(calls_of_trace(a), calls_of_trace(b), partners)
    notes = (
        *notes_of_trace(a),
        *(f"of {b.target}: {note}" for note in notes_of_trace(b)),
    )
    picture = build_picture(calls, build_header(a), fold=fold, notes=notes)
    return replace(picture, against=build_header(b))


def join_calls(a: Sequence[Call], b: Sequence[Call], partners: Partners) -> list[Call]:
    """Return the calls of two models as those of one, each with its change.

    Those of `a` keep their indices, and those that only `b` has follow.
    """
    return _Join(a, b, partners).join()


class _Join:
    def __init__(self, a: Sequence[Call], b: Sequence[Call], partners: Partners) -> None:
        a, b = _separated(a), _separated(b)
        self._a, self._b = a, b
        self._partners = partners
        self._taken = frozenset(partners.values())
        self._costs = _total_costs(a), _total_costs(b)
        self._joined = [_only(call, "only_a") for call in a]
        self._index_of: dict[int, int] = {}
        """Indices of the joined calls by those of `b`."""

    def join(self) -> list[Call]:
        waiting = [(in_order(self._a)[0], in_order(self._b)[0])]
        self._pair(*waiting[0])
        while waiting:
            one, other = waiting.pop()
            children: list[int] = []
            for left, right in self._aligned(self._a[one].children, self._b[other].children):
                if left is None:
                    assert right is not None
                    self._add(right)
                    left = self._index_of[right]
                elif right is not None and right not in self._index_of:
                    self._pair(left, right)
                    waiting.append((left, right))
                children.append(left)
            self._joined[one].children = children
        for other, index in self._index_of.items():
            self._complete(self._joined[index], self._b[other])
        return self._joined

    def _pair(self, one: int, other: int) -> None:
        """Mark a call of `a` as the same as one of `b`."""
        self._index_of[other] = one
        left, right = self._a[one], self._b[other]
        changes = (*self._renamed(left, right), *_changes(left.own, right.own))
        changes += tuple(_changed_costs(self._costs[0][one], self._costs[1][other]))
        self._joined[one].own = replace(
            left.own, change="changed" if changes else "same", changes=changes
        )

    def _add(self, other: int) -> None:
        """Add a call that only `b` has, with all calls in it."""
        waiting = [other]
        for index in waiting:
            if index not in self._index_of:
                self._index_of[index] = len(self._joined)
                self._joined.append(_only(self._b[index], "only_b"))
                waiting += self._b[index].children

    def _complete(self, call: Call, original: Call) -> None:
        """Give a call the references to other calls that the original in `b` has."""
        indices = self._index_of
        reads = [
            read._replace(sources=tuple(indices[each] for each in read.sources), side="b")
            for read in original.reads
        ]
        if call.own.change == "only_b":
            call.reads = reads
            call.children = [indices[each] for each in original.children]
            call.parent = None if original.parent is None else indices[original.parent]
        else:
            call.reads = [*call.reads, *reads]

    def _aligned(
        self, ones: Sequence[int], others: Sequence[int]
    ) -> Iterator[tuple[int | None, int | None]]:
        """Yield the calls of two bodies in one order, those that are the same as pairs."""
        left = [self._key(self._a[each], self._partners) for each in ones]
        right = [self._key(self._b[each], None) for each in others]
        # The result must not depend on which model comes first.
        if [_identity(self._a[each]) for each in ones] <= [_identity(self._b[each]) for each in others]:
            blocks = [*_align(left, right)]
        else:
            blocks = [(starts[::-1], ends[::-1]) for starts, ends in _align(right, left)]
        for starts, ends in blocks:
            part, other_part = ones[starts[0] : ends[0]], others[starts[1] : ends[1]]
            is_pair = left[starts[0] : ends[0]] == right[starts[1] : ends[1]]
            if is_pair or self._is_replaced(part, other_part):
                yield from zip(part, other_part, strict=True)
            else:
                yield from ((each, None) for each in part)
                yield from ((None, each) for each in other_part)

    def _key(self, call: Call, partners: Partners | None) -> tuple[str, ...]:
        """Return what two calls that may be the same have in common."""
        own = call.own
        if own.kind != "module":
            return (own.kind, own.qualified_name or own.label)
        path = call.path
        if partners is None:
            return ("module", path)
        if path in partners:
            return ("module", partners[path])
        return ("module", path) if path not in self._taken else ("only", path)

    def _is_replaced(self, ones: Sequence[int], others: Sequence[int]) -> bool:
        """Return whether one function is in the place of another one."""
        kinds = [
            [calls[index].own.kind for index in part]
            for calls, part in ((self._a, ones), (self._b, others))
        ]
        return kinds[0] == kinds[1] and kinds[0] in (["function"], ["input"])

    def _renamed(self, one: Call, other: Call) -> Iterator[str]:
        names = [
            path_in(call, calls[call.parent].path if call.parent is not None else "").lstrip(".")
            for calls, call in ((self._a, one), (self._b, other))
        ]
        if names[0] != names[1]:
            yield f"name: {names[0]} -> {names[1]}"


def _only(call: Call, change: OneOf["only_a", "only_b"]) -> Call:
    """Return a copy of a call that only one model has."""
    side: OneOf["a", "b"] = "a" if change == "only_a" else "b"
    # The steps of the picture are those of `a`.
    steps = call.own.steps if side == "a" else 0
    return dataclasses.replace(
        call,
        own=replace(call.own, change=change, steps=steps),
        reads=[read._replace(side=side) for read in call.reads],
        children=[*call.children],
    )


def _separated(calls: Sequence[Call]) -> list[Call]:
    """Return calls of which each is in one other call, also what never runs: its change may differ."""
    found = [*calls]
    seen: set[int] = set()
    waiting = in_order(calls)[:1]
    for index in waiting:
        children = []
        for child in found[index].children:
            own = child if child not in seen else len(found)
            if child in seen:
                found.append(dataclasses.replace(found[child], parent=index))
            seen.add(own)
            children.append(own)
        found[index] = dataclasses.replace(found[index], children=children)
        waiting += children
    return found


def _identity(call: Call) -> tuple[str, str, str]:
    return call.own.kind, call.own.qualified_name or call.own.label, call.path


def _total_costs(calls: Sequence[Call]) -> list[Cost | None]:
    """Return the cost of each call with all calls in it."""
    parts: list[list[Cost]] = [[] for _ in calls]
    totals: list[Cost | None] = [None] * len(calls)
    for index in reversed(in_order(calls)):
        call = calls[index]
        if call.own.cost is not None and totals[index] is None:
            total = totals[index] = (
                sum_of([call.own.cost, *parts[index]]) if parts[index] else call.own.cost
            )
            if call.parent is not None:
                parts[call.parent].append(total)
    return totals


def _align(
    left: Sequence[Hashable], right: Sequence[Hashable]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the starts and ends of parts of two sequences: equal ones, and those between them."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    stops = len(left) - end, len(right) - end
    if start:
        yield (0, 0), (start, start)
    middle, other_middle = left[start : stops[0]], right[start : stops[1]]
    few = len(middle) * len(other_middle) <= _MOST_COMPARISONS
    for _, one, one_end, other, other_end in SequenceMatcher(
        None, middle, other_middle, autojunk=not few
    ).get_opcodes():
        yield (start + one, start + other), (start + one_end, start + other_end)
    if end:
        yield stops, (len(left), len(right))


def _changed_costs(one: Cost | None, other: Cost | None) -> Iterator[str]:
    if one is not None and other is not None:
        for name, before, after in (
            ("MACs", one.macs, other.macs),
            ("other FLOPs", one.other_flops, other.other_flops),
        ):
            if before != after:
                yield f"{name}: {before:,} -> {after:,}"


def _changes(one: Template, other: Template) -> Iterator[str]:
    """Yield the differences of two calls in words."""
    if one.label != other.label:
        yield f"{'class' if one.kind == 'module' else one.kind}: {one.label} -> {other.label}"
    elif one.facts != other.facts:
        yield _changed_facts(one.facts, other.facts)
    for name, left, right in (
        ("reads", one.inputs, other.inputs),
        ("returns", one.output, other.output),
    ):
        shapes = _shapes(left), _shapes(right)
        if shapes[0] != shapes[1]:
            yield f"{name}: {shapes[0]} -> {shapes[1]}"
    if one.parameters != other.parameters:
        yield f"parameters: {one.parameters:,} -> {other.parameters:,}"
    if one.trainable != other.trainable and "none" not in (one.trainable, other.trainable):
        yield f"trainable: {one.trainable} -> {other.trainable}"
    for name, before, after in (
        ("called", one.called, other.called),
        ("failed", one.failed, other.failed),
    ):
        if before != after:
            yield f"{name}: {'yes' if before else 'no'} -> {'yes' if after else 'no'}"


def _changed_facts(one: str, other: str) -> str:
    parts, other_parts = one.split(", "), other.split(", ")
    if len(parts) == len(other_parts):
        pairs = [pair for pair in zip(parts, other_parts, strict=True) if pair[0] != pair[1]]
        parts, other_parts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return f"{', '.join(parts) or 'none'} -> {', '.join(other_parts) or 'none'}"


def _shapes(operands: Sequence[Operand]) -> str:
    found = []
    for operand in operands:
        text = "x".join(map(str, operand.spec.shape)) or "scalar"
        found.append(text if operand.spec.dtype == "float32" else f"{text} {operand.spec.dtype}")
    return ", ".join(found) or "nothing"
