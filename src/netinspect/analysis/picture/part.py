"""Picture of one module of a model."""

from __future__ import annotations

from netinspect.analysis.picture.layers import arrange
from netinspect.analysis.picture.places import Place, all_places, steps_in
from netinspect.records.base import replace
from netinspect.records.picture import OUTSIDE, Edge, Picture, PictureItem, Template

_INPUT, _OUTPUT = "input", "output"


def find_module(picture: Picture, path: str) -> Place | None:
    """Return the first call of a module; None if it has no box."""
    places = (each for each in all_places(picture) if each.template.kind == "module")
    return next((each for each in places if each.path == path), None)


def part_of(picture: Picture, place: Place) -> Picture:
    """Return the picture of a box, with a box each for what enters and leaves it.

    Args:
        picture: The picture of the whole model.
        place: The box.
    """
    used = _templates_in(picture, picture.templates.index(place.template))
    numbers = {old: new for new, old in enumerate(used)}
    templates = [
        replace(
            picture.templates[old],
            items=tuple(
                replace(item, template=numbers[item.template]) for item in picture.templates[old].items
            ),
        )
        for old in used
    ]
    root = _with_ends(templates.pop(), len(templates))
    if root.edges:
        template = place.template
        templates += [
            Template(kind="input", label=_INPUT, output=template.inputs),
            Template(kind="output", label=_OUTPUT, inputs=template.output),
        ]
    inside = picture.failed_path[: len(place.numbers)] == place.numbers
    shift = 1 if root.edges else 0
    path = picture.failed_path[len(place.numbers) :] if inside and root.failed else ()
    return replace(
        picture,
        root=len(templates),
        templates=(*templates, root),
        path=place.path,
        step_order=tuple(steps_in(picture, place)),
        failed_path=tuple(number + (shift if not index else 0) for index, number in enumerate(path)),
    )


def _templates_in(picture: Picture, root: int) -> list[int]:
    """Return the indices of a template and of all templates in it, in their order."""
    found = {root}
    waiting = [root]
    while waiting:
        for item in picture.templates[waiting.pop()].items:
            if item.template not in found:
                found.add(item.template)
                waiting.append(item.template)
    return sorted(found)


def _with_ends(root: Template, first: int) -> Template:
    """Return a template whose data from and to the outside is that of two more boxes.

    Args:
        root: The template.
        first: Index of the template of the first box; that of the second is the next.
    """
    if not root.edges:
        return root
    last = 1 + sum(item.count for item in root.items)
    edges = tuple(
        sorted(
            (
                replace(
                    edge,
                    source=0 if edge.source == OUTSIDE else edge.source + 1,
                    target=last if edge.target == OUTSIDE else edge.target + 1,
                )
                for edge in root.edges
            ),
            key=_ends,
        )
    )
    items = (
        PictureItem(template=first, names=(_INPUT,)),
        *root.items,
        PictureItem(template=first + 1, names=(_OUTPUT,)),
    )
    return replace(root, items=items, edges=edges, layers=arrange(items, edges))


def _ends(edge: Edge) -> tuple[int, int]:
    return edge.source, edge.target
