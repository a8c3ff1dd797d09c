"""Texts in and between the boxes of a graph."""

from __future__ import annotations

from netinspect._utils import units
from netinspect._utils.safe_text import safe
from netinspect.records.picture import Change, Edge
from netinspect.rendering import format_values
from netinspect.rendering.graph.contents import amount_of_item
from netinspect.rendering.graph.options import HeatKey
from netinspect.rendering.graph.outline import Box

UNITS: dict[HeatKey, str] = {
    "macs": "MACs", "params": "params", "activations": "activations", "bytes": "bytes",
}  # fmt: skip

BETWEEN = " · "
"""Text between the calls of a chain in its label."""

_MOST_CALLS = 9
"""Most calls of a chain that have a line each."""

_CHANGES: dict[Change, str] = {
    "only_a": "- only in the old model",
    "only_b": "+ only in the new model",
    "changed": "changed",
}


def amount(box: Box, heat: HeatKey) -> int | None:
    """Return the number of what a graph shows that one box has, with everything in it; None if unknown.

    Bytes are those that operators read and write.
    """
    cost = box.template.cost
    if heat == "params":
        return box.template.parameters
    if cost is None:
        return None
    if heat == "bytes":
        return cost.bytes_read + cost.bytes_written
    return cost.macs if heat == "macs" else cost.activations


def share(box: Box, root: Box, heat: HeatKey) -> float:
    """Return the share of all boxes of an item in the whole, from 0 to 1."""
    whole = amount(root, heat)
    return amount_of_item(box.template, box.item, heat) / whole if whole else 0.0


def heat_of(root: Box, heat: HeatKey) -> HeatKey:
    """Return the amount to show: parameters, if the model has no such amount."""
    return heat if amount(root, heat) is not None else "params"


def title(box: Box) -> str:
    """Return the first line of a box: its name, or what it calls, and how many it stands for."""
    template = box.template
    if template.kind == "module":
        text = units.name(box.name) if box.parent else template.label
        call = box.item.calls[0] if box.item is not None and box.item.calls else 1
        text += f" (call {call})" if call > 1 and template.parameters else ""
    else:
        text = box.name if template.kind == "group" and box.name else template.label or box.name
    return text + (f"  x{box.count}" if box.count > 1 else "")


def kind(box: Box) -> str:
    """Return the class of a module, or the kind of another box where it is of use."""
    template = box.template
    if template.kind == "module" or (template.kind == "group" and box.name):
        return template.label
    return template.kind if template.kind in ("function", "input") else ""


def lines(box: Box, heat: HeatKey) -> list[str]:
    """Return the lines of a box, none of which depends on a colour."""
    found = title(box).split(BETWEEN) if box.template.kind == "chain" else [title(box)]
    if len(found) > _MOST_CALLS:
        found = [*found[: _MOST_CALLS - 2], f"{len(found) - _MOST_CALLS + 1} more", found[-1]]
    if (box.template.kind == "module" and box.parent is not None) or (
        box.template.kind == "group" and box.name
    ):
        found.append(box.template.label)
    number = amount(box, heat)
    if number:
        found.append(units.times(box.count, f"{units.short(number)} {UNITS[heat]}"))
    if names := stub_names(box):
        found.append(f"reads {', '.join(names)}")
    if not box.template.called:
        found.append("never called")
    if box.template.failed:
        found.append("FAILED")
    found += changes(box)
    return [safe(each) for each in found]


def changes(box: Box) -> list[str]:
    """Return the difference from the other model in words."""
    change = change_of(box)
    return [*([_CHANGES[change]] if change in _CHANGES else []), *box.template.changes]


def change_of(box: Box) -> Change:
    """Return how a box differs from the other model; empty without one."""
    return (box.item.change if box.item is not None else "") or box.template.change


def stub_names(box: Box) -> list[str]:
    """Return the names of what a box reads without a line."""
    return ["an outer value" if each is None else title(each) for each in box.reads_of_stubs()]


def edge_shapes(edge: Edge) -> str:
    """Return the shapes of the tensors of an edge: `1x64x56x56`."""
    return safe(", ".join(sizes(each) for each in edge.shapes))


def sizes(shape: tuple[int | str, ...]) -> str:
    """Format a shape in short: `1x64x56x56`."""
    return "x".join(map(str, shape)) if shape else "scalar"


def edge_label(maker: Box | None, edge: Edge) -> str:
    """Return the text at an arrow: shapes where they change, which is where they were made."""
    if maker is None:
        return ""
    given = {operand.spec.shape for operand in maker.template.inputs}
    return "" if edge.shapes and all(each in given for each in edge.shapes) else edge_shapes(edge)


def output_shapes(box: Box) -> list[str]:
    """Return the tensors that a box returns, or that the output of the model is."""
    operands = box.template.output or (box.template.inputs if box.template.kind == "output" else ())
    return [format_values.tensor(each.spec) for each in operands]


def output(box: Box) -> str:
    """Return the tensors of `output_shapes` in short: `(1, 16, 64), 96 more`."""
    texts = output_shapes(box)
    if not texts:
        return ""
    same = next((place for place, text in enumerate(texts) if text != texts[0]), len(texts))
    more = len(texts) - same
    first = texts[0] if same == 1 else f"{texts[0]} x{same}"
    return f"{first}, {more} more" if more else first
