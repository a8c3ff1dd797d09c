"""Compact data of a picture for the script of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netinspect.records.base import fields
from netinspect.records.picture import Edge, Picture, PictureItem, Template
from netinspect.records.report_header import Operand, ReportHeader
from netinspect.records.steps import SourceLine
from netinspect.records.work import Cost
from netinspect.rendering.amounts import amount, symbols_of
from netinspect.rendering.format_values import short_path
from netinspect.rendering.graph.contents import facts_of, failure_lines
from netinspect.rendering.graph.opening import open_boxes

_AMOUNTS = ("macs", "flops", "other_flops", "activations", "bytes_read", "bytes_written")


def picture_data(picture: Picture) -> dict[str, Any]:
    """Return a picture as plain data for `readPicture` in state.js.

    Entries that have their default are left out. Shapes and files are numbers of the lists `shapes` and
    `files`. The encoder of the page's data escapes the texts.
    """
    return _Encoder(picture).encode()


class _Encoder:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._shapes: dict[tuple[int | str, ...], int] = {}
        self._files: dict[str, int] = {}
        header = picture.header
        self._symbolic = header if isinstance(header, ReportHeader) and symbols_of(header) else None

    def encode(self) -> dict[str, Any]:
        picture = self._picture
        templates = [self._template(each) for each in picture.templates]
        return _without_empty(
            {
                "root": picture.root,
                "folded": picture.folded,
                "opened": ["/".join(map(str, each)) for each in sorted(open_boxes(picture)) if each],
                "failed_path": [*picture.failed_path],
                "failure": self._failure(),
                "step_order": [*picture.step_order],
                "notes": [*picture.notes],
                "templates": templates,
                "shapes": [[*each] for each in self._shapes],
                "files": [*self._files],
            }
        )

    def _template(self, template: Template) -> dict[str, Any]:
        return _without_empty(
            {
                "kind": "" if template.kind == "module" else template.kind,
                "label": template.label,
                "facts": template.facts,
                "shown_facts": facts_of(template),
                "qualified_name": template.qualified_name,
                "library": template.library,
                "inputs": [*map(self._operand, template.inputs)],
                "output": [*map(self._operand, template.output)],
                "steps": template.steps,
                "cost": template.cost and self._cost(template.cost),
                "parameters": template.parameters,
                "parameter_bytes": template.parameter_bytes,
                "trainable": "" if template.trainable == "none" else template.trainable,
                "uncalled": not template.called,
                "failed": template.failed,
                "site": template.site and self._site(template.site),
                "defined_at": template.defined_at and _short_place(template.defined_at),
                "items": [*map(self._item, template.items)],
                "edges": [*map(self._edge, template.edges)],
                "layers": [[*row] for row in template.layers],
                "change": template.change,
                "changes": [*template.changes],
            }
        )

    def _failure(self) -> list[list[list[str]]]:
        """Return the lines in the box of the call that raised, each as spans of a text and its role."""
        failure = getattr(self._picture.header, "failure", None)
        return [[[*span] for span in line.spans] for line in failure_lines(failure)]

    def _shape(self, shape: tuple[int | str, ...]) -> int:
        return self._shapes.setdefault(shape, len(self._shapes))

    def _operand(self, operand: Operand) -> list[Any]:
        spec = operand.spec
        found: list[Any] = [operand.name, self._shape(spec.shape)]
        if spec.dtype != "float32" or operand.wrong:
            found.append(spec.dtype)
        if operand.wrong:
            found.append([*operand.wrong])
        return found

    def _cost(self, cost: Cost) -> dict[str, Any]:
        numbers = {each.name: getattr(cost, each.name) for each in fields(Cost)}
        del numbers["expressions"]
        if self._symbolic is not None and cost.expressions is not None:
            # The colours of the page need numbers, and people the expressions.
            numbers["texts"] = {
                name: amount(cost, name, self._symbolic) for name in _AMOUNTS if numbers[name]
            }
        # A cost of zero is known, other than one that is left out.
        return _without_empty(numbers)

    def _site(self, site: SourceLine) -> list[Any]:
        file = short_path(site.file)
        return [
            self._files.setdefault(file, len(self._files)),
            site.line,
            site.function,
            site.text,
        ]

    def _item(self, item: PictureItem) -> list[Any]:
        names = [*item.names] if any(item.names) else len(item.names)
        inside = [[[*each] for each in all_boxes] for all_boxes in (item.inner_names, item.inner_calls)]
        return _without_last_empty([item.template, names, [*item.calls], item.change, *inside])

    def _edge(self, edge: Edge) -> list[Any]:
        shapes = [self._shape(each) for each in edge.shapes]
        return _without_last_empty(
            [edge.source, edge.target, shapes, edge.bytes, int(edge.in_object), edge.change]
        )


def _short_place(place: str) -> str:
    file, _, number = place.rpartition(":")
    return f"{short_path(file)}:{number}"


def _without_empty(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value or value == {}}


def _without_last_empty(entries: Sequence[Any]) -> list[Any]:
    # The first two numbers always have a meaning.
    found = [*entries]
    while len(found) > 2 and not found[-1]:
        found.pop()
    return found
