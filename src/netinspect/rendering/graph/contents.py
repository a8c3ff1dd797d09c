"""Texts in the boxes and at the edges of a picture, from which boxes get their sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from netinspect._utils import units
from netinspect._utils.safe_text import safe
from netinspect.analysis.picture.places import items_in
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.picture import Picture, PictureItem, Template
from netinspect.records.report_header import Diagnosis, Operand
from netinspect.rendering.graph.text_width import cut, text_width, wrap
from netinspect.rendering.layer_facts import without_defaults

TIMES = "\u00d7"
"""The multiplication sign, between sizes and before the number of repeats."""

FONT = 12.0
SMALL = 10.5
"""Sizes of the fonts of a first line, and of all others, in pixels."""

LINE = 16.0
SMALL_LINE = 14.0
"""Heights of a first line and of the others in pixels."""

NUMBER = 56.0
"""Width that is reserved for the number of a box in pixels."""

_MOST_NAME = 220.0
_MOST_FACTS = 215.0
_FAILURE = 260.0
"""Largest widths of the name, the facts and the lines on a failure in pixels."""

_MOST_ROWS = 9
"""Rows of a chain; of a longer one, the first and last ones are shown."""


class Span(NamedTuple):
    """A part of a line."""

    text: str
    role: str
    """`name`, `class`, `facts`, `count`, `shape`, `error`, `wrong`, `remedy`."""


class TextLine(NamedTuple):
    """One line of text in a box."""

    spans: tuple[Span, ...]
    size: float
    amount: float = 0
    """Number at the end of the line, in the unit of the heat; 0 without one."""

    reserved: bool = False
    """Whether there is room for the number, which may be 0."""

    @property
    def width(self) -> float:
        """Estimated width in pixels, with the room for the number."""
        width = 0.0
        for span in self.spans:
            width += text_width(span.text, self.size, bold=span.role in ("name", "wrong"))
        width += 6.0 * max(0, len(self.spans) - 1)
        return width + (NUMBER if self.reserved else 0.0)

    @property
    def height(self) -> float:
        """Height in pixels."""
        return LINE if self.size == FONT else SMALL_LINE


def amount_of(template: Template, heat: str) -> int:
    """Return the amount of one box that its colour shows, such as its MACs."""
    if heat == "params":
        return template.parameters
    if template.cost is None or heat == "none":
        return 0
    if heat == "activations":
        return template.cost.activations
    if heat == "bytes":
        return template.cost.bytes_read + template.cost.bytes_written
    return template.cost.macs


def amount_of_item(template: Template, item: PictureItem | None, heat: str) -> int:
    """Return the amount of all boxes of an item; parameters of the same module count once."""
    count = 1
    if item is not None:
        count = item.modules if heat == "params" else item.count
    return amount_of(template, heat) * count


def name_of(template: Template, item: PictureItem, shown: int | None) -> str:
    """Return the name of a module, or of all modules of an item: `blocks[0..11]`.

    The name of a group has those of the modules in it: `norms[0..2], blocks[0..2]`.

    Args:
        template: Template of the item.
        item: The item.
        shown: Number of the box in the item; None for all of them.
    """
    at = shown or 0
    if item.inner_names:
        names = item.inner_names if shown is None else item.inner_names[at : at + 1]
        runs = (_run_name(first, last) for first, last in zip(names[0], names[-1], strict=True))
        return safe(", ".join(dict.fromkeys(runs)))
    if shown is None:
        name = _run_name(item.names[0], item.names[-1])
        if item.names[0] != item.names[-1]:
            return safe(name)
    else:
        name = item.names[at].lstrip(".")
    repeated = template.parameters and item.calls and item.calls[at] > 1
    return safe(f"{name} (call {item.calls[at]})" if repeated else name)


def _run_name(first: str, last: str) -> str:
    """Return the name of all modules of a run, by those of its first and last one."""
    first, last = first.lstrip("."), last.lstrip(".")
    if first == last:
        return first
    before, _, start = first.rpartition(".")
    same, _, end = last.rpartition(".")
    if before == same and start.isdigit() and end.isdigit():
        return f"{before}[{start}..{end}]" if before else f"{start}..{end}"
    return f"{first} … {last}"


def shape_text(sizes: Sequence[int | str]) -> str:
    """Format a shape: `10x1x28x28`."""
    between = TIMES if all(isinstance(size, int) for size in sizes) else f" {TIMES} "
    return safe(between.join(map(str, sizes))) if sizes else "scalar"


def shapes_text(shapes: Sequence[Sequence[int | str]]) -> str:
    """Format the shapes of an edge, at most two of them."""
    texts = [shape_text(sizes) for sizes in shapes[:2]]
    more = len(shapes) - len(texts)
    return ", ".join(texts) + (f", {more} more" if more > 0 else "")


_CONVOLUTION = re.compile(r"Conv(Transpose)?[123]d")
_KERNEL = re.compile(r"kernel_size=(?:\((\d+(?:, \d+)*),?\)|(\d+))")
_TUPLE = re.compile(r"\((\d+(?:, \d+)*),?\)")


def facts_of(template: Template) -> str:
    """Return the facts of a template for people: `3 -> 64, 7x7, stride 2`."""
    facts = without_defaults(template.label, template.facts)
    if template.kind != "module" or "\n" in facts:
        return safe(facts.split("\n", 1)[0])
    if _CONVOLUTION.fullmatch(template.label):
        facts = re.sub(r"^(\d+), (\d+)", r"\1 → \2", facts)
    elif template.label == "Linear":
        facts = re.sub(r"in_features=(\d+), out_features=(\d+)", r"\1 → \2", facts)
    facts = facts.replace(", inplace=True", "").removeprefix("inplace=True")
    facts = _KERNEL.sub(lambda match: (match[1] or match[2]).replace(", ", TIMES), facts)
    facts = _TUPLE.sub(_equal_sizes, facts)
    facts = re.sub(r"\b(stride|padding|dilation|groups|eps)=", r"\1 ", facts)
    return safe(facts.replace("bias=False", "no bias"))


def _equal_sizes(match: re.Match[str]) -> str:
    """Return a tuple as one number if all are equal."""
    sizes = match[1].split(", ")
    return sizes[0] if len(set(sizes)) == 1 else match[0]


def box_lines(
    picture: Picture,
    template: Template,
    item: PictureItem | None,
    *,
    shown: int | None,
    is_open: bool,
    heat: str,
    failed_here: bool = False,
) -> tuple[TextLine, ...]:
    """Return the lines of text of a box.

    Args:
        picture: The picture.
        template: Template of the box.
        item: The item that the box is, or is one of; None for the root.
        shown: Number of the box in the item; None for all boxes of the item together.
        is_open: Whether the body is drawn in the box, so that the lines are its heading.
        heat: The amount that is shown in boxes, such as `macs`.
        failed_here: Whether the box is the call that raised, and its lines give the reason.
    """
    amount = amount_of_item(template, item if shown is None else None, heat)
    if template.kind in ("input", "output"):
        spans = [Span(cut(safe(template.label), _MOST_NAME), "name")]
        spans += [Span(shape_text(each.spec.shape), "shape") for each in template.output[:1]]
        lines = [TextLine(tuple(spans), FONT)]
    elif template.kind == "chain" and not is_open:
        lines = _chain_lines(picture, template, item, shown, heat)
    elif template.kind == "module":
        lines = _module_lines(template, item, shown, is_open, amount)
    else:
        spans = [Span(cut(safe(template.label), _MOST_NAME), "class")]
        if template.kind == "group" and item is not None and item.count > 1:
            name = cut(name_of(template, item, shown), _MOST_NAME)
            spans = [Span(name, "name"), *spans, _count_span(item, shown)]
        lines = [TextLine(tuple(spans), FONT, amount, reserved=amount > 0)]
    if not template.called:
        lines.append(TextLine((Span("never called", "facts"),), SMALL))
    if failed_here and not isinstance(picture.header, CheckpointHeader):
        lines += failure_lines(picture.header.failure)
    return tuple(lines)


def _module_lines(
    template: Template, item: PictureItem | None, shown: int | None, is_open: bool, amount: int
) -> list[TextLine]:
    spans = []
    name = name_of(template, item, shown) if item is not None else ""
    if name:
        spans.append(Span(cut(name, _MOST_NAME), "name"))
    spans.append(Span(cut(safe(template.label), _MOST_NAME), "class"))
    if item is not None and item.count > 1:
        spans.append(_count_span(item, shown))
    lines = [TextLine(tuple(spans), FONT, amount, reserved=amount > 0)]
    facts = cut(facts_of(template), _MOST_FACTS, SMALL) if not is_open else ""
    if facts:
        lines.append(TextLine((Span(facts, "facts"),), SMALL))
    return lines


def _count_span(item: PictureItem, shown: int | None) -> Span:
    return Span(f"{TIMES}{item.count}" if shown is None else f"{shown + 1} of {item.count}", "count")


def _chain_lines(
    picture: Picture, template: Template, chain: PictureItem | None, shown: int | None, heat: str
) -> list[TextLine]:
    rows: list[TextLine] = []
    for item in items_in(picture, template, chain, shown or 0):
        inside = picture.templates[item.template]
        spans = [Span(cut(safe(inside.label), _MOST_NAME), "class")]
        if inside.kind == "module":
            spans.insert(0, Span(cut(name_of(inside, item, None), _MOST_NAME), "name"))
        if item.count > 1:
            spans.append(Span(f"{TIMES}{item.count}", "count"))
        amount = amount_of_item(inside, item, heat)
        rows.append(TextLine(tuple(spans), FONT, amount, reserved=amount > 0))
    if len(rows) > _MOST_ROWS:
        hidden = len(rows) - _MOST_ROWS + 1
        more = TextLine((Span(f"… {units.count(hidden)} more", "facts"),), FONT)
        rows = [*rows[: _MOST_ROWS - 2], more, rows[-1]]
    return rows


def failure_lines(diagnosis: Diagnosis | None) -> list[TextLine]:
    """Return the lines in the box of the call that raised: operands, reason and remedy."""
    if diagnosis is None:
        return []
    lines = [TextLine(_operand_spans(each), SMALL) for each in diagnosis.operands[:3]]
    reason = diagnosis.explanation or f"{diagnosis.exception}: {diagnosis.message}"
    for text in wrap(safe(reason.replace("\n", " ")), _FAILURE, SMALL, 4):
        lines.append(TextLine((Span(text, "error"),), SMALL))
    for remedy in diagnosis.remedies[:1]:
        for text in wrap(f"try: {safe(remedy)}", _FAILURE, SMALL, 3):
            lines.append(TextLine((Span(text, "remedy"),), SMALL))
    return lines


def _operand_spans(operand: Operand) -> tuple[Span, ...]:
    """Return the name and the sizes of an operand; the wrong sizes are marked."""
    spans = [Span(cut(safe(operand.name), 120.0, SMALL), "facts")]
    for position, size in enumerate(operand.spec.shape):
        is_wrong = position in operand.wrong
        # Only the size is marked, not the sign before it.
        plain = (TIMES if position else "") + ("" if is_wrong else safe(str(size)))
        if len(spans) > 1 and spans[-1].role == "shape":
            spans[-1] = Span(f"{spans[-1].text}{plain}", "shape")
        elif plain:
            spans.append(Span(plain, "shape"))
        if is_wrong:
            spans.append(Span(f"[{safe(str(size))}]", "wrong"))
    return tuple(spans)
