"""Building of a picture from calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from netinspect.analysis.header import build_header
from netinspect.analysis.picture.bodies import Body, Box, enclose, lift_flows
from netinspect.analysis.picture.calls import Call, in_order
from netinspect.analysis.picture.grouping import (
    chains,
    chapter_label,
    chapters,
    items_of,
    repeated_groups,
    without_names,
)
from netinspect.analysis.picture.layers import arrange
from netinspect.analysis.picture.trace_calls import calls_of_trace, notes_of_trace
from netinspect.records.base import replace
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.picture import BoxKind, Change, Edge, Picture, PictureItem, Template
from netinspect.records.report_header import ReportHeader
from netinspect.records.trace import Trace
from netinspect.records.work import Cost, sum_of


def picture_of_trace(trace: Trace, *, fold: bool = True) -> Picture:
    """Build the picture of a trace.

    Args:
        trace: The trace; of a model that was not run, the picture has its modules and no edges.
        fold: Whether identical boxes are one item.
    """
    return build_picture(
        calls_of_trace(trace), build_header(trace), fold=fold, notes=notes_of_trace(trace)
    )


def build_picture(
    calls: Sequence[Call],
    header: ReportHeader | CheckpointHeader,
    *,
    fold: bool = True,
    notes: tuple[str, ...] = (),
) -> Picture:
    """Build a picture from calls, of which exactly one, the root, has no parent."""
    templates = _Templates(fold=fold)
    flows = lift_flows(calls)
    made: list[int] = [0] * len(calls)
    order = in_order(calls)
    for index in reversed(order):
        call = calls[index]
        inside = [calls[child] for child in call.children]
        boxes = [
            Box(made[child], path_in(each, call.path), number)
            for child, each, number in zip(call.children, inside, _call_numbers(inside), strict=True)
        ]
        made[index] = templates.add(call.own, Body(boxes, flows[index]))
    root = made[order[0]]
    steps = tuple(index for index in order if calls[index].own.steps)
    return Picture(
        header=header,
        root=root,
        templates=tuple(templates.found),
        folded=fold,
        failed_path=_failed_path(templates.found, root),
        step_order=steps if any(one > other for one, other in pairwise(steps)) else (),
        notes=notes,
    )


def path_in(call: Call, above: str) -> str:
    """Return the path of a call as a continuation of the path of the body that it is in."""
    if call.own.kind != "module":
        return call.path
    if not above:
        return f".{call.path}"
    inside = call.path.removeprefix(above)
    return inside if inside != call.path and inside[:1] in ("", ".") else call.path


def _call_numbers(inside: Sequence[Call]) -> list[int]:
    """Return for each call how many calls of its module are in a body up to it.

    So the second call of a block is like the first one, with all that is in it.
    """
    seen: dict[str, int] = {}
    numbers = []
    for call in inside:
        number = seen.get(call.path, 0) + 1 if call.own.kind == "module" else 1
        seen[call.path] = number
        numbers.append(number)
    return numbers


class _Templates:
    """The templates of a picture, each once."""

    def __init__(self, *, fold: bool) -> None:
        self.found: list[Template] = []
        self._fold = fold
        self._known: dict[tuple[Template, tuple[PictureItem, ...], tuple[Edge, ...], bool], int] = {}
        # Most bodies are equal to an earlier one, in which the boxes were already put together.
        self._made: dict[tuple[Template, tuple[Box, ...], tuple[Edge, ...]], int] = {}

    def add(self, own: Template, body: Body) -> int:
        """Return the index of the template with an own and a body, in which boxes are put together."""
        key = (own, tuple(body.boxes), body.edges())
        known = self._made.get(key)
        if known is None:
            known = self._made[key] = self._add(own, body) if body.boxes else self._intern(own, (), ())
        return known

    def _add(self, own: Template, body: Body) -> int:
        if self._fold:
            body = self._put_together(body, repeated_groups(body, self.found), "group")
        body = self._put_together(body, chains(body, self.found), "chain")
        items = items_of(body, self.found, fold=self._fold)
        while parts := chapters(items, self.found):
            body = self._put_together(body, parts, "chapter")
            items = items_of(body, self.found, fold=self._fold)
        return self._intern(own, items, body.edges())

    def _put_together(
        self, body: Body, parts: Sequence[range], kind: BoxKind, *, in_group: bool = False
    ) -> Body:
        """Return a body in which each part of several boxes is one box with these inside."""
        if all(len(part) == 1 for part in parts):
            return body
        outer, inner = enclose(body, parts)
        boxes = []
        for part, flows in zip(parts, inner, strict=True):
            inside = Body(body.boxes[part.start : part.stop], flows)
            boxes.append(
                inside.boxes[0] if len(part) == 1 else self._enclosed(inside, kind, in_group=in_group)
            )
        return Body(boxes, outer)

    def _enclosed(self, body: Body, kind: BoxKind, *, in_group: bool) -> Box:
        """Return the box with a body inside.

        Args:
            body: The body.
            kind: Kind of the box.
            in_group: Whether it is in a group. Of those, and of groups, names without numbers are
                compared, and the box has all names.
        """
        inside = [self.found[box.template] for box in body.boxes]
        if kind == "group":
            body = self._put_together(body, chains(body, self.found), "chain", in_group=True)
        items = items_of(body, self.found, fold=self._fold)
        if kind == "chapter":
            label = chapter_label(inside)
        else:
            between = " + " if kind == "group" else " · "
            label = between.join(self.found[item.template].label for item in items)
        own = Template(
            kind=kind,
            label=label,
            inputs=inside[0].inputs,
            output=inside[-1].output,
            site=inside[0].site,
            cost=Cost() if any(each.cost is not None for each in inside) else None,
            change=_common_change(inside),
        )
        counted = [each for each in inside if _counts(each, own)]
        own = replace(
            own,
            parameters=sum(each.parameters for each in counted),
            parameter_bytes=sum(each.parameter_bytes for each in counted),
        )
        if kind != "group" and not in_group:
            return Box(self._intern(own, items, body.edges()), "")
        inner = [
            each
            for box, template in zip(
                body.boxes, (self.found[box.template] for box in body.boxes), strict=True
            )
            for each in (((box.name, box.number),) if template.kind == "module" else box.inner)
        ]
        compared = tuple(map(without_names, items))
        return Box(self._intern(own, items, body.edges(), compared), "", inner=tuple(inner))

    def _intern(
        self,
        own: Template,
        items: tuple[PictureItem, ...],
        edges: tuple[Edge, ...],
        compared: tuple[PictureItem, ...] | None = None,
    ) -> int:
        """Return the index of a template.

        Args:
            own: The template without a body.
            items: Items of the body.
            edges: Edges of the body.
            compared: Items with what must be equal; by default all of `items`.
        """
        key = (own, items if compared is None else compared, edges, compared is None)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = len(self.found)
            self.found.append(self._complete(own, items, edges) if items else own)
        return known

    def _complete(
        self, own: Template, items: tuple[PictureItem, ...], edges: tuple[Edge, ...]
    ) -> Template:
        inside = [(self.found[item.template], item.count) for item in items]
        cost = own.cost
        if cost is not None:
            below = [
                each.cost
                for each, count in inside
                for _ in range(count)
                if each.cost is not None and _counts(each, own)
            ]
            cost = sum_of([cost, *below])
        return replace(
            own,
            steps=own.steps + sum(each.steps * count for each, count in inside),
            cost=cost,
            failed=own.failed or any(each.failed and _counts(each, own) for each, _ in inside),
            change="changed" if own.change == "same" and _differ(inside) else own.change,
            items=items,
            edges=edges,
            layers=arrange(items, edges),
        )


def _common_change(inside: Sequence[Template]) -> Change:
    changes = {each.change for each in inside}
    return changes.pop() if len(changes) == 1 else "changed"


def _counts(each: Template, own: Template) -> bool:
    """Return whether a box counts in the amounts of the box around it, which are of the first model."""
    return each.change != "only_b" or own.change == "only_b"


def _differ(inside: Sequence[tuple[Template, int]]) -> bool:
    return any(each.change != "same" for each, _ in inside)


def _failed_path(templates: Sequence[Template], root: int) -> tuple[int, ...]:
    path = []
    at = templates[root]
    while at.failed:
        numbers = _numbers(at.items, lambda item: templates[item.template].failed)
        if not numbers:
            break
        # The failed step that began last is the innermost.
        path.append(numbers[-1][0])
        at = templates[numbers[-1][1].template]
    return tuple(path)


def _numbers(
    items: Sequence[PictureItem], wanted: Callable[[PictureItem], bool]
) -> list[tuple[int, PictureItem]]:
    """Return the wanted items, each with the number of its last box."""
    found = []
    last = -1
    for item in items:
        last += item.count
        if wanted(item):
            found.append((last, item))
    return found
