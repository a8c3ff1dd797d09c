"""Title and notes of a drawing, and tooltips of its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netinspect._utils import units
from netinspect._utils.safe_text import safe
from netinspect.analysis.picture.places import Place
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.picture import Picture
from netinspect.rendering import format_values
from netinspect.rendering.graph.contents import SMALL, name_of, shape_text
from netinspect.rendering.graph.options import GraphStyle, HeatKey
from netinspect.rendering.graph.text_width import cut, text_width, wrap

_LEAST = 420.0
"""Least width at which notes are wrapped, in pixels."""


class Caption(NamedTuple):
    """One line of text outside of the boxes."""

    text: str
    name: str
    """Its classes in the style sheet."""

    size: float

    @property
    def height(self) -> float:
        """Height of the line in pixels."""
        return 24.0 if self.size > SMALL else 15.0

    @property
    def width(self) -> float:
        """Estimated width in pixels."""
        return text_width(self.text, self.size, bold=self.size > SMALL)


def number_text(number: int, heat: HeatKey) -> str:
    """Format an amount that boxes show."""
    return units.size(number) if heat == "bytes" else units.short(number)


def title_of(picture: Picture, style: GraphStyle, width: float) -> list[Caption]:
    """Return the name of the model, its inputs and its totals."""
    header = picture.header
    root = picture.templates[picture.root]
    name = safe(root.label)
    if isinstance(header, CheckpointHeader):
        lines = [safe(header.target)]
    else:
        lines = [safe(header.target)] if header.target != header.class_name else []
        if header.ran:
            given = format_values.chosen_inputs(header.inputs)
            lines.append(f"input: {safe(given)}; {safe(format_values.mode(header))}")
    facts = []
    if root.parameters:
        facts.append(f"{units.short(root.parameters)} parameters")
    if root.cost is not None:
        facts.append(f"{units.short(root.cost.macs)} MACs")
    if facts:
        lines.append(" \u00b7 ".join(facts))
    found = [Caption(name, "head", 17.0)]
    for each in lines:
        found += _wrapped(each, "small dim", width, 3)
    return found


def footer_of(picture: Picture, style: GraphStyle, notes: Sequence[str], width: float) -> list[Caption]:
    """Return the notes of a drawing: conventions, warnings, and what it does not show."""
    header = picture.header
    root = picture.templates[picture.root]
    found: list[Caption] = []
    if not isinstance(header, CheckpointHeader) and header.failure is not None:
        found += _wrapped(
            f"FAILED: {header.failure.summary}; the trace ends there", "small error", width, 3
        )
    if style.heat == "macs" and root.cost is not None and root.cost.macs:
        found += _wrapped(
            "MACs: multiply-accumulates of matrix products and convolutions, without bias; "
            "1 MAC is 2 FLOPs",
            "small dim",
            width,
            3,
        )
    for note in notes:
        found += _wrapped(note, "small dim", width, 3)
    for note in picture.notes:
        found += _wrapped(f"note: {note}", "small dim", width, 3)
    return found


def _wrapped(text: str, name: str, width: float, most: int) -> list[Caption]:
    return [Caption(line, name, SMALL) for line in wrap(safe(text), max(width, _LEAST), SMALL, most)]


def tooltip_of(place: Place) -> str:
    """Return what a viewer shows of a box next to the pointer, in lines."""
    template = place.template
    lines = []
    label = safe(template.label)
    if template.kind == "module":
        lines.append(f"{safe(place.path) or label} ({label})" if place.path else label)
    else:
        lines.append(label)
        if place.path:
            lines.append(f"in {safe(place.path)}")
    if place.item is not None and place.item.count > 1:
        lines.append(f"{place.item.count} identical: {name_of(template, place.item, None)}")
    if template.facts:
        lines.append(cut(safe(template.facts), 600))
    if template.inputs or template.output:
        given = ", ".join(shape_text(each.spec.shape) for each in template.inputs[:4])
        made = ", ".join(shape_text(each.spec.shape) for each in template.output[:4])
        lines.append(f"{given or '-'} \u2192 {made or '-'}")
    if template.cost is not None and template.kind not in ("input", "output"):
        each = " each" if place.item is not None and place.item.count > 1 else ""
        lines.append(
            f"{units.short(template.cost.macs)} MACs, {units.short(template.parameters)} "
            f"parameters{each}"
        )
    lines += [safe(each) for each in template.changes]
    if template.site is not None:
        lines.append(safe(format_values.place(template.site)))
    return "\n".join(lines)
