"""Choice of the boxes of a picture that are drawn open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from netinspect.analysis.picture.places import Place, places_in, root_place
from netinspect.errors import UsageError, suggestion
from netinspect.records.picture import Picture, Template

Numbers = tuple[int, ...]

_LEAST_SHARE = 0.01
"""Least share of the model's MACs, or parameters, with which a box is opened by default."""

_OVERVIEW = 15
"""Number of boxes in the root from which on it is shown without the insides of its boxes."""

_CLOSED_KINDS = ("chain", "function", "input", "output")


def open_boxes(
    picture: Picture,
    *,
    depth: int | None = None,
    patterns: Sequence[str] = (),
    most: int = 40,
    most_boxes: int | None = None,
) -> frozenset[Numbers]:
    """Return the places of the boxes to open.

    Without a depth or patterns, boxes are opened from the outside in, until about `most` boxes are
    drawn; repeats come last. Layers of torch, chains, and what costs less than a hundredth of the
    model stay closed, and so do all boxes of a body with so many that it is a picture by itself. Of
    a failed run, the boxes around the call that failed are open instead.

    Args:
        picture: The picture.
        depth: Deepest level of boxes that are drawn, 1 being that of the model's children; 0 for all.
            Chains and layers of torch stay closed.
        patterns: Globs of module paths, such as `encoder.layer.0`; the boxes around them are opened too.
        most: Number of boxes that are drawn by default.
        most_boxes: Largest number of boxes that are drawn; the deepest ones are closed if there are
            more. None for no bound.
    """
    opened: set[Numbers] = {()}
    if depth is None and not patterns:
        opened = _by_default(picture, most)
    if depth is not None:
        opened = set(_to_depth(picture, depth))
    for pattern in patterns:
        opened |= _matching(picture, pattern)
    if most_boxes is not None:
        opened = _bounded(picture, opened, most_boxes)
    return frozenset(opened)


def _inside(picture: Picture, place: Place) -> Iterator[Place]:
    """Yield the boxes that are drawn if a box is opened: the first one of each item."""
    for each in places_in(picture, place):
        if each.occurrence == 0:
            yield each


def _may_open(place: Place) -> bool:
    template = place.template
    return bool(template.items) and not template.library and template.kind not in _CLOSED_KINDS


def _by_default(picture: Picture, most: int) -> set[Numbers]:
    if picture.failed_path:
        return _around(picture.failed_path[:-1])
    opened: set[Numbers] = set()
    classes: set[str] = set()
    level = [root_place(picture)]
    repeats: list[Place] = []
    drawn = 1
    root = picture.templates[picture.root]
    if len(root.items) >= _OVERVIEW:
        return {()}
    while level or repeats:
        if not level:
            # Repeats are opened last, the outermost first.
            level = [repeats.pop(0)]
        fits = drawn + sum(len(place.template.items) for place in level) <= most
        following: list[Place] = []
        for place in level:
            size = len(place.template.items)
            # Of a level that does not fit, one box of each class is opened.
            skipped = not fits and (drawn + size > most or place.template.label in classes)
            if opened and skipped:
                continue
            opened.add(place.numbers)
            classes.add(place.template.label)
            drawn += size
            for each in _inside(picture, place):
                if _may_open(each) and each.item is not None and _share(root, each) >= _LEAST_SHARE:
                    (following if each.item.count == 1 else repeats).append(each)
        level = following
    return opened


def _share(root: Template, place: Place) -> float:
    """Return the share of what is drawn at a place of the MACs; without these, of the parameters."""
    count = 1 if place.item is None else place.item.count
    if root.cost is not None and root.cost.macs:
        macs = 0 if place.template.cost is None else place.template.cost.macs
        return count * macs / root.cost.macs
    return count * place.template.parameters / root.parameters if root.parameters else 1.0


def _around(numbers: Numbers) -> set[Numbers]:
    """Return a place and the places of all boxes around it."""
    return {numbers[:length] for length in range(len(numbers) + 1)}


def _to_depth(picture: Picture, depth: int) -> Iterator[Numbers]:
    waiting = [root_place(picture)]
    while waiting:
        place = waiting.pop()
        yield place.numbers
        if depth == 0 or len(place.numbers) + 1 < depth:
            waiting += [each for each in _inside(picture, place) if _may_open(each)]


def _matching(picture: Picture, pattern: str) -> set[Numbers]:
    """Return the boxes of the modules that a pattern matches, with those around them."""
    found: set[Numbers] = {()}
    waiting = [root_place(picture)]
    while waiting:
        place = waiting.pop()
        for each in places_in(picture, place):
            template = each.template
            if template.kind == "module" and template.items and fnmatchcase(each.path, pattern):
                found |= _around(each.numbers)
            if template.items and template.kind not in ("function", "input", "output"):
                waiting.append(each)
    return found


def count_boxes(picture: Picture, opened: frozenset[Numbers] | set[Numbers]) -> int:
    """Return the number of boxes that are drawn, without the root."""
    drawn = 0
    waiting = [root_place(picture)]
    while waiting:
        place = waiting.pop()
        drawn += len(place.template.items)
        waiting += [each for each in places_in(picture, place) if each.numbers in opened]
    return drawn


def _bounded(picture: Picture, opened: set[Numbers], most_boxes: int) -> set[Numbers]:
    """Close the deepest boxes until at most a number of boxes is drawn."""
    drawn = 1
    chosen: set[Numbers] = set()
    waiting = [root_place(picture)]
    while waiting:
        following = []
        for place in waiting:
            if place.numbers not in opened:
                continue
            if chosen and drawn + len(place.template.items) > most_boxes:
                continue
            chosen.add(place.numbers)
            drawn += len(place.template.items)
            following += [each for each in places_in(picture, place) if each.numbers in opened]
        waiting = following
    return chosen


def check_patterns(picture: Picture, patterns: Sequence[str]) -> None:
    """Check that each pattern matches the path of a module, be it one that opens or not.

    Raises:
        UsageError: One matches none; the hint suggests similar paths.
    """
    if not patterns:
        return
    paths: dict[str, None] = {}
    waiting = [root_place(picture)]
    while waiting:
        for place in places_in(picture, waiting.pop()):
            if place.template.kind == "module":
                paths[place.path] = None
            if place.template.items:
                waiting.append(place)
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path in paths):
            first = places_in(picture, root_place(picture))
            top = dict.fromkeys(place.path for place in first if place.template.kind == "module")
            raise UsageError(
                f"no module matches {pattern!r}",
                hint=suggestion(pattern, paths)
                or f"modules of the first level: {', '.join(top) or 'none'}",
            )
