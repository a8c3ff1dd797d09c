"""Boxes of a body that are drawn as one: repeated groups, chains of functions, and chapters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, pairwise
from math import ceil

from netinspect.analysis.picture.bodies import Body, Flows
from netinspect.analysis.repeats import find_groups, without_numbers
from netinspect.records.base import replace
from netinspect.records.picture import OUTSIDE, PictureItem, Template

LONGEST_BODY = 300
"""Items of a body; one with more is cut into chapters."""

_CHAPTER = 100
_LONGEST_GROUP = 8
_MOST_WEIGHT = 50


def repeated_groups(body: Body, templates: Sequence[Template]) -> list[range]:
    """Return the parts of a body of which those with several boxes repeat, with equal edges inside."""
    siblings = [(without_numbers(box.name), box.template) for box in body.boxes]
    weights = [min(_MOST_WEIGHT, 1 + templates[box.template].steps) for box in body.boxes]
    parts: list[range] = []
    for group in find_groups(siblings, weights, longest=_LONGEST_GROUP):
        end = group.start + group.length * group.times
        periods = [range(start, start + group.length) for start in range(group.start, end, group.length)]
        has_module = any(
            templates[box.template].kind == "module"
            for box in body.boxes[group.start : group.start + group.length]
        )
        if group.length > 1 and has_module and _are_identical(body.flows, periods):
            parts += periods
        else:
            parts += (range(index, index + 1) for index in range(group.start, end))
    return parts


def _are_identical(flows: Flows, periods: Sequence[range]) -> bool:
    """Return whether the edges inside of all periods are equal."""
    first, last = periods[0].start, periods[-1].stop
    length = len(periods[0])
    found: list[set[tuple[int, int]]] = [set() for _ in periods]
    for (source, target), flow in flows.items():
        if flow.in_object:
            continue
        from_period = (source - first) // length if first <= source < last else None
        to_period = (target - first) // length if first <= target < last else None
        if from_period == to_period:
            if from_period is not None:
                found[from_period].add(((source - first) % length, (target - first) % length))
            continue
        if from_period is not None:
            found[from_period].add(((source - first) % length, OUTSIDE))
        if to_period is not None:
            found[to_period].add((OUTSIDE, (target - first) % length))
    return all(each == found[0] for each in found)


def chains(body: Body, templates: Sequence[Template]) -> list[range]:
    """Return the parts of a body of which those with several boxes are chains of functions.

    Each box of a chain but the first reads only the box before it, and each but the last is read only by
    the next one.
    """
    readers: dict[int, list[int]] = {}
    sources: dict[int, list[int]] = {}
    for source, target in body.flows:
        readers.setdefault(source, []).append(target)
        sources.setdefault(target, []).append(source)

    def is_link(index: int) -> bool:
        return readers.get(index) == [index + 1] and sources.get(index + 1) == [index]

    return _runs(
        len(body.boxes),
        lambda index: (
            is_link(index)
            and templates[body.boxes[index].template].change
            == templates[body.boxes[index + 1].template].change
            and _is_simple(templates[body.boxes[index].template])
            and _is_simple(templates[body.boxes[index + 1].template])
        ),
    )


def _is_simple(template: Template) -> bool:
    """Return whether a box may be a row of a chain: a function, or a layer of torch without weights.

    Products, such as `scaled_dot_product_attention`, and what was not counted are boxes of their own.
    """
    cost = template.cost
    if template.failed or not template.called or (cost and (cost.flops or cost.uncounted)):
        return False
    if template.kind == "function":
        return not template.items
    is_layer = template.kind == "module" and template.library and template.steps <= 2
    return is_layer and template.parameters == 0


def _runs(count: int, joins_next: Callable[[int], bool]) -> list[range]:
    parts: list[range] = []
    start = 0
    for index in range(count):
        if index + 1 == count or not joins_next(index):
            parts.append(range(start, index + 1))
            start = index + 1
    return parts


def chapters(items: Sequence[PictureItem], templates: Sequence[Template]) -> list[range]:
    """Return the parts of a body with too many items, as ranges of its boxes; none if it is short.

    The inputs at the start and the output at the end stay outside.
    """
    if len(items) <= LONGEST_BODY:
        return []
    shown = [templates[item.template].kind for item in items]
    first = sum(kind == "input" for kind in shown)
    last = len(items) - (shown[-1] == "output")
    length = ceil((last - first) / ceil((last - first) / _CHAPTER))
    starts = [*range(first), *range(first, last, length), *range(last, len(items) + 1)]
    boxes = [0, *accumulate(item.count for item in items)]
    return [range(boxes[one], boxes[other]) for one, other in pairwise(starts)]


def chapter_label(inside: Sequence[Template]) -> str:
    """Return the label of a chapter: its lines, as `net.py:12-40`, or the number of its calls."""
    sites = [each.site for each in inside if each.site is not None]
    files = {site.file for site in sites}
    if len(files) == 1 and len(sites) == len(inside):
        lines = sorted({site.line for site in sites})
        name = re.split(r"[/\\]", files.pop())[-1]
        return f"{name}:{lines[0]}-{lines[-1]}" if len(lines) > 1 else f"{name}:{lines[0]}"
    return f"{len(inside)} calls"


def items_of(body: Body, templates: Sequence[Template], *, fold: bool) -> tuple[PictureItem, ...]:
    """Return the boxes of a body as items; with `fold`, consecutive identical ones are one item."""
    items: list[PictureItem] = []
    start = 0
    for index, box in enumerate(body.boxes):
        following = body.boxes[index + 1] if index + 1 < len(body.boxes) else None
        if (
            fold
            and following is not None
            and following.template == box.template
            and without_numbers(following.name) == without_numbers(box.name)
            and templates[box.template].kind in ("module", "group")
        ):
            continue
        run = body.boxes[start : index + 1]
        numbers = tuple(each.number for each in run)
        inner_calls = tuple(tuple(number for _, number in each.inner) for each in run)
        is_group = templates[box.template].kind == "group"
        items.append(
            PictureItem(
                template=box.template,
                names=tuple(each.name for each in run),
                calls=numbers if any(number != 1 for number in numbers) else (),
                inner_names=tuple(tuple(name for name, _ in each.inner) for each in run)
                if is_group
                else (),
                inner_calls=inner_calls if is_group and {*chain(*inner_calls)} - {1} else (),
                change=templates[box.template].change,
            )
        )
        start = index + 1
    return tuple(items)


def without_names(item: PictureItem) -> PictureItem:
    """Return what items of identical groups have in common: names without numbers, and no calls."""
    return replace(item, names=tuple(map(without_numbers, item.names)), calls=())
