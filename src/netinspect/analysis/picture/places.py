"""Boxes of a picture with their place: what one box is, where a template is many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from netinspect.records.base import replace
from netinspect.records.picture import Picture, PictureItem, Template


class Place(NamedTuple):
    """One box of a picture."""

    numbers: tuple[int, ...]
    """Number of the box in its body, and before it those of all boxes around it; empty for the root."""

    template: Template
    path: str
    """Path of the module; for a box that is not a module, of the module around it."""

    name: str
    """Path of the module as its body has it, without the leading dot; empty for functions."""

    step: int
    """Index of its step; of a group, chain or chapter of the first step in it. For a box without steps,
    the index of the step that would be next."""

    item: PictureItem | None
    """The item that it is one box of, with the names that it has here; None for the root."""

    occurrence: int = 0
    """Number of the box in its item, from 0."""

    position: int = 0
    """Number of steps in the boxes before it, its parents included."""


def root_place(picture: Picture) -> Place:
    """Return the box of the whole model."""
    return Place((), picture.templates[picture.root], picture.path, "", _step_at(picture, 0), None)


def steps_in(picture: Picture, place: Place) -> Sequence[int]:
    """Return the indices of the steps in a box, its own included."""
    positions = range(place.position, place.position + place.template.steps)
    return [_step_at(picture, each) for each in positions] if picture.step_order else positions


def _step_at(picture: Picture, position: int) -> int:
    order = picture.step_order
    return order[position] if position < len(order) else position


def places_in(picture: Picture, place: Place) -> Iterator[Place]:
    """Yield the boxes in a box, in the order of the calls."""
    is_call = place.template.kind in ("module", "function") and place.template.steps > 0
    position = place.position + is_call
    number = 0
    for item in items_in(picture, place.template, place.item, place.occurrence):
        template = picture.templates[item.template]
        for occurrence, name in enumerate(item.names):
            path = place.path
            if template.kind == "module":
                path = (f"{place.path}{name}" if place.path else name[1:]) if name[:1] == "." else name
            numbers, name = (*place.numbers, number), name.lstrip(".")
            step = _step_at(picture, position)
            yield Place(numbers, template, path, name, step, item, occurrence, position)
            position += template.steps
            number += 1


def items_in(
    picture: Picture, template: Template, item: PictureItem | None, occurrence: int = 0
) -> Sequence[PictureItem]:
    """Return the items of the body of one box of an item, with the names that they have there.

    Args:
        picture: The picture.
        template: Template of the item.
        item: The item, as the body that it is in has it; None for the root.
        occurrence: Number of the box in the item.
    """
    if item is None or not item.inner_names:
        return template.items
    names = iter(item.inner_names[occurrence])
    calls = iter(item.inner_calls[occurrence] if item.inner_calls else ())
    found = []
    for each in template.items:
        inside = picture.templates[each.template]
        if inside.kind == "module":
            own = tuple(islice(calls, each.count))
            each = replace(
                each,
                names=tuple(islice(names, each.count)),
                calls=own if any(number != 1 for number in own) else (),
            )
        elif modules := sum(
            of.count for of in inside.items if picture.templates[of.template].kind == "module"
        ):
            # A chain, of which each item is one box.
            own = tuple(islice(calls, modules))
            each = replace(
                each,
                inner_names=(tuple(islice(names, modules)),),
                inner_calls=(own,) if own else (),
            )
        found.append(each)
    return found


def all_places(picture: Picture) -> Iterator[Place]:
    """Yield every box of a picture, each before the boxes in it: as many as there are calls."""
    waiting = [root_place(picture)]
    while waiting:
        place = waiting.pop()
        yield place
        waiting += reversed([*places_in(picture, place)])
