"""Options of drawing a graph."""

from __future__ import annotations

from typing import Any, get_args
from typing import Literal as OneOf

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record

HeatKey = OneOf["macs", "params", "activations", "bytes"]
"""Amounts that the colours of boxes, and the numbers in them, show."""

Direction = OneOf["TB", "LR"]
Theme = OneOf["auto", "light", "dark"]

MOST_BOXES = 1000
"""Default of `GraphStyle.max_boxes`."""


@record
class GraphStyle:
    """Options of drawing a graph."""

    depth: int | None = None
    """Deepest level of boxes, where 1 is that of the model's children; 0 for all, None for as many as
    are readable."""

    open: tuple[str, ...] = ()
    """Shell patterns of the paths of modules to open, and everything around them."""

    heat: HeatKey = "macs"
    direction: Direction = "TB"
    theme: Theme = "auto"
    max_boxes: int = MOST_BOXES
    """Most boxes in a drawing; with more, the deepest are closed."""


def checked_style(**options: Any) -> GraphStyle:
    """Return a style of options that a user gave.

    Raises:
        UsageError: One has no valid value.
    """
    for name, kind in (("heat", HeatKey), ("direction", Direction), ("theme", Theme)):
        known = get_args(kind)
        if name in options and options[name] not in known:
            raise UsageError(
                f"there is no {name} {options[name]!r}",
                hint=suggestion(str(options[name]), known) or f"expected {', '.join(known)}",
            )
    for name, least in (("depth", 0), ("max_boxes", 1)):
        if (number := options.get(name)) is not None and number < least:
            raise UsageError(f"{name} is {number}", hint=f"expected at least {least}")
    return GraphStyle(**options)
