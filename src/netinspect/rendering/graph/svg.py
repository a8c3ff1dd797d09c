"""SVG drawings of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netinspect.analysis.picture.places import Place, places_in, root_place
from netinspect.records.picture import OUTSIDE, Change, Picture, PictureItem, Template
from netinspect.rendering.graph.boxes import PlacedBox
from netinspect.rendering.graph.captions import footer_of, number_text, title_of, tooltip_of
from netinspect.rendering.graph.contents import (
    FONT,
    NUMBER,
    SMALL,
    TIMES,
    TextLine,
    amount_of,
    amount_of_item,
)
from netinspect.rendering.graph.coordinates import PAD, lay_out
from netinspect.rendering.graph.elements import (
    arrow,
    cross,
    escaped,
    label_text,
    line_class,
    number,
    path_of,
    rules_between,
    sign_mark,
    text_at,
)
from netinspect.rendering.graph.opening import count_boxes, open_boxes
from netinspect.rendering.graph.options import GraphStyle
from netinspect.rendering.graph.palette import HEAT_STEPS, heat_step, style_rules
from netinspect.rendering.graph.text_width import cut, text_width

FONTS = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', 'Liberation Sans', sans-serif"

_PAGE_MARGIN = 20.0
_CAPTION_LINE = 17.0
_ROLES = {"class": "", "facts": "d", "shape": "d", "error": "error", "wrong": "error", "remedy": ""}
_SPACE = "\u00a0 "
"""Space between two parts of a line; `dx` would move centred text in some viewers."""

_SIGNS: dict[Change, str] = {"only_a": "\u2212", "only_b": "+", "changed": "\u2260"}

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc" \
width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<title id="title">{title}</title>
<desc id="desc">{description}</desc>
<style>
text{{font-family:{fonts};font-size:12px}}
.small{{font-size:10.5px}}
.name{{font-weight:600}}
.end{{text-anchor:end}}
.head{{font-size:17px;font-weight:600}}
.line{{fill:none;stroke-width:1.2}}
.wide{{stroke-width:1.9}}
.broad{{stroke-width:2.7}}
.stub{{stroke-dasharray:2 2}}
.rule{{fill:none;stroke-width:0.7}}
.failed{{stroke-width:1.4;stroke-dasharray:6 3}}
.stop{{stroke-width:1.8;stroke-dasharray:6 3}}
.cross{{fill:none;stroke-width:1.8}}
.hatch{{stroke-width:1.2}}
{colors}
</style>
{definitions}<rect class="ground" width="100%" height="100%"/>
<g transform="translate({margin} 0)">
{content}
</g>
</svg>
"""
_HATCH = (
    '<pattern id="hatching" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<path class="hatch" d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5"/></pattern>'
)
_HALVES = (
    '<linearGradient id="halves"><stop class="half_a" offset="0.5"/>'
    '<stop class="half_b" offset="0.5"/></linearGradient>'
)


def format_svg(picture: Picture, style: GraphStyle) -> str:
    """Format a picture as a drawing in SVG, with text in fonts of the system.

    Args:
        picture: The picture.
        style: Theme, direction, and which boxes are open.
    """
    wanted = open_boxes(picture, depth=style.depth, patterns=style.open)
    opened = wanted
    notes = []
    if count_boxes(picture, wanted) > style.max_boxes:
        opened = open_boxes(picture, depth=style.depth, patterns=style.open, most_boxes=style.max_boxes)
        notes.append(
            f"note: the deepest boxes are closed, because there are more than {style.max_boxes}; "
            "--max-boxes changes that"
        )
    root = lay_out(picture, opened, direction=style.direction, heat=style.heat)
    return _Drawing(picture, style, root, notes).text()


class _Drawing:
    """One drawing."""

    def __init__(
        self, picture: Picture, style: GraphStyle, root: PlacedBox, notes: Sequence[str]
    ) -> None:
        self._notes = notes
        self._picture = picture
        self._style = style
        self._root = root
        self._is_right = style.direction == "LR"
        self._whole = amount_of(picture.templates[picture.root], style.heat)
        self._definitions: dict[str, str] = {}
        self._is_difference = bool(picture.templates[picture.root].change)

    def text(self) -> str:
        """Return the whole file."""
        title = title_of(self._picture, self._style, self._root.width)
        content: list[str] = []
        root = self._root
        notes = [*self._notes]
        if self._whole and any(_stands_for_several(self._picture, box) for box in (root, *_walk(root))):
            notes.append(f"colours in a box {TIMES}N are the share of all N, the numbers those of one")
        footer = footer_of(self._picture, self._style, notes, self._root.width)
        # The frame of the root is the page, and its heading the title.
        width = max(
            root.width,
            *(each.width for each in (*title, *footer)),
            self._legend_width(),
        )
        left = (width - root.width) / 2
        y = _PAGE_MARGIN
        for caption in title:
            y += caption.height
            content.append(text_at(0, y - 5, caption.text, caption.name))
        y += 6 - (0 if self._is_right else root.heading)
        body: list[str] = []
        body += self._body(root, root_place(self._picture), 0)
        content.append(f'<g transform="translate({number(left)} {number(y)})">')
        content += body
        content.append("</g>")
        y += root.height
        if self._whole and not self._is_difference:
            content += self._legend(y + 4)
            y += 32
        for caption in footer:
            y += caption.height
            content.append(text_at(0, y, caption.text, caption.name))
        total = width + 2 * _PAGE_MARGIN
        definitions = "".join(self._definitions.values())
        return _SVG.format(
            width=number(total),
            height=number(y + _PAGE_MARGIN),
            title=escaped(" ".join(each.text for each in title[:1])),
            description=escaped(". ".join(each.text for each in (*title[1:], *footer))),
            fonts=FONTS,
            colors=style_rules(self._style.theme),
            definitions=f"<defs>{definitions}</defs>\n" if definitions else "",
            margin=number(_PAGE_MARGIN),
            content="\n".join(content),
        )

    # Boxes

    def _body(self, box: PlacedBox, place: Place, depth: int, times: int = 1) -> Iterator[str]:
        """Yield the edges, boxes and labels in an open box."""
        yield from self._edges(box)
        places = {each.numbers: each for each in places_in(self._picture, place)}
        for child in box.children:
            yield from self._box(child, places[child.numbers], depth + 1, times)
        for label in box.labels:
            yield label_text(label)

    def _box(self, box: PlacedBox, place: Place, depth: int, times: int) -> Iterator[str]:
        template = self._picture.templates[box.template]
        change = self._change(template, place.item)
        step = 0
        if not box.is_open and not change and not self._is_difference and template.kind not in (
            "input", "output",
        ):  # fmt: skip
            amount = amount_of_item(template, None if box.shown else place.item, self._style.heat)
            step = heat_step(times * amount / self._whole) if self._whole else 0
        yield f"<g><title>{escaped(tooltip_of(place))}</title>"
        yield from self._frame(box, template, place, step, change, depth)
        y = box.y + 5
        for line in box.lines:
            yield from self._line(line, box, y, step)
            y += line.height
        if template.kind == "chain" and not box.is_open and len(box.lines) > 1:
            yield rules_between(box)
        if template.failed and box.numbers == self._picture.failed_path:
            yield cross(box.x + box.width, box.y)
        elif change in _SIGNS and not box.is_open:
            yield sign_mark(box.x + box.width, box.y, _SIGNS[change], change)
        yield "</g>"
        if box.is_open:
            if place.item is not None and place.item.count > 1 and not box.shown:
                times *= place.item.modules if self._style.heat == "params" else place.item.count
            yield from self._body(box, place, depth, times)

    def _frame(
        self,
        box: PlacedBox,
        template: Template,
        place: Place,
        step: int,
        change: Change,
        depth: int,
    ) -> Iterator[str]:
        kind = template.kind
        count = place.item.count if place.item is not None else 1
        radius = 5.0 if kind in ("module", "group", "chapter") or box.is_open else 11.0
        names = ["frame"]
        if kind in ("input", "output"):
            radius, names = box.height / 2, ["terminal"]
        elif box.is_open:
            radius, names = 7.0, ["open" if depth % 2 else "odd"]
        if step:
            names.append(f"h{step}")
        fill = ""
        if template.failed:
            stops = box.numbers == self._picture.failed_path
            names.append("stop" if stops else "failed")
        elif change == "changed" and not box.is_open:
            self._definitions["halves"] = _HALVES
            fill = ' style="fill:url(#halves)"'
        elif change in ("only_a", "only_b"):
            names.append(change)
        shape = f'width="{number(box.width)}" height="{number(box.height)}" rx="{number(radius)}"'
        if count > 1 and box.shown in (None, 0):
            offsets = (6, 3) if count > 2 else (3,)
            for offset in offsets:
                yield (
                    f'<rect class="{" ".join(names)}" x="{number(box.x + offset)}" '
                    f'y="{number(box.y + offset)}" {shape}/>'
                )
        yield f'<rect class="{" ".join(names)}" x="{number(box.x)}" y="{number(box.y)}" {shape}{fill}/>'
        if not template.called and not box.is_open:
            self._definitions["hatching"] = _HATCH
            yield f'<rect x="{number(box.x)}" y="{number(box.y)}" {shape} fill="url(#hatching)"/>'

    def _change(self, template: Template, item: PictureItem | None) -> Change:
        change = (item.change if item is not None else "") or template.change
        return "" if change == "same" else change

    def _line(self, line: TextLine, box: PlacedBox, top: float, step: int) -> Iterator[str]:
        y = top + line.height - (4 if line.size == FONT else 3.5)
        size = "" if line.size == FONT else " small"
        strong = f"t{step}" if step else ""
        weak = f"d{step}" if step else "dim"
        parts = []
        for place, span in enumerate(line.spans):
            role = _ROLES.get(span.role, "")
            color = {"d": weak, "": strong}.get(role, role)
            if span.role == "class" and place:
                color = weak
            if span.role in ("name", "wrong", "count"):
                color = f"{color} name".strip()
            # The sizes of an operand are one text.
            is_joined = span.role == "wrong" or (place > 1 and span.role == "shape")
            if place and not is_joined:
                parts.append(_SPACE)
            attribute = f' class="{color}"' if color else ""
            parts.append(f"<tspan{attribute}>{escaped(span.text)}</tspan>")
        amount = ""
        if line.amount:
            amount = cut(number_text(int(line.amount), self._style.heat), NUMBER, SMALL)
        if parts:
            x = box.x + PAD
            anchor = ""
            if not amount and not box.is_open and len(box.lines) == 1:
                # A single text is centred.
                x, anchor = box.x + box.width / 2, ' text-anchor="middle"'
            attribute = size and ' class="small"'
            words = "".join(parts)
            yield f'<text{attribute} x="{number(x)}" y="{number(y)}"{anchor}>{words}</text>'
        if amount:
            x = box.x + box.width - PAD
            yield text_at(x, y, amount, f"end small {strong or 'dim'}")

    # Edges

    def _edges(self, box: PlacedBox) -> Iterator[str]:
        """Yield the edges of a body: one path for each kind of line, and one for all arrows."""
        lines: dict[str, list[str]] = {}
        arrows: list[str] = []
        for route in box.routes:
            lines.setdefault(line_class(route), []).append(path_of(route.points, self._is_right))
            if route.target != OUTSIDE:
                arrows.append(arrow(*route.points[-1], self._is_right))
        for route in box.stubs:
            lines.setdefault("line stub", []).append(path_of(route.points, not self._is_right))
            arrows.append(arrow(*route.points[-1], not self._is_right))
        for name, paths in sorted(lines.items()):
            yield f'<path class="{name}" d="{"".join(paths)}"/>'
        if arrows:
            yield f'<path class="arrow" d="{"".join(arrows)}"/>'
        for x, y in box.ports:
            yield f'<circle class="arrow" cx="{number(x)}" cy="{number(y)}" r="2.4"/>'

    # The legend

    def _legend_width(self) -> float:
        return 430.0 if self._whole and not self._is_difference else 0.0

    def _legend(self, y: float) -> Iterator[str]:
        """Yield the six colours with the shares from which they hold."""
        noun = {"macs": "MACs", "params": "parameters", "bytes": "bytes read and written"}.get(
            self._style.heat, self._style.heat
        )
        text = f"share of {number_text(self._whole, self._style.heat)} {noun}"
        yield text_at(0, y + 9, text)
        x = text_width(text, SMALL) + 12
        bounds = [f"<{HEAT_STEPS[0] * 100:g}", *(f"\u2265{share * 100:g}" for share in HEAT_STEPS)]
        for step, bound in enumerate(bounds, 1):
            words = f"{bound} %" if step == len(bounds) else bound
            place = f'x="{number(x)}" y="{number(y)}"'
            yield f'<rect class="frame h{step}" {place} width="11" height="11" rx="2"/>'
            yield text_at(x + 15, y + 9, words)
            x += 15 + text_width(words, SMALL) + 8


def _walk(box: PlacedBox) -> Iterator[PlacedBox]:
    for child in box.children:
        yield child
        yield from _walk(child)


def _stands_for_several(picture: Picture, box: PlacedBox) -> bool:
    """Return whether an open box has a child that is open and stands for several boxes."""
    template = picture.templates[box.template]
    return any(
        child.is_open and not child.shown and template.items[child.item].count > 1
        for child in box.children
    )
