"""Public function `graph`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

from netinspect._utils.classes import is_a
from netinspect._utils.random_state import preserved_random_state
from netinspect.api._file_graphs import file_graph_of
from netinspect.api._load import load_or_read
from netinspect.api._options import ForwardOptions, given, takes
from netinspect.api._view import View
from netinspect.errors import UsageError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.picture import Picture
from netinspect.rendering.graph.options import MOST_BOXES, GraphStyle, checked_style

if TYPE_CHECKING:
    from torch import nn

    from netinspect.records.trace import Trace
    from netinspect.rendering.formats import Style


@dataclass(frozen=True, repr=False)
class GraphView(View[Picture]):
    """A graph and how it is drawn: `view.save("net.svg")`, `view.text("mermaid")`."""

    style: GraphStyle = field(default_factory=GraphStyle)

    def styled(self, style: Style) -> Style:
        """Return a style with the options of this graph."""
        return replace(style, graph=self.style)

    def _repr_html_(self) -> str:
        from netinspect.rendering.graph.html import format_html_image

        with preserved_random_state():
            return format_html_image(self.record, self.style)


@takes(ForwardOptions)
def graph(
    model: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *args: Any,
    path: str = "",
    depth: int | None = None,
    open: str | Sequence[str] = (),
    fold: bool = True,
    heat: str = "macs",
    direction: str = "TB",
    theme: str = "auto",
    max_boxes: int = MOST_BOXES,
    against: nn.Module | Trace | Checkpoint | str | os.PathLike[str] | None = None,
    **options: Unpack[ForwardOptions],
) -> GraphView:
    """Draw the modules and functions of a model as boxes, and the data that flows between them.

    Args:
        model: A model, a trace or a target; see `load`. A `.pt2`, ONNX or TorchScript file contains a
            graph; of other checkpoints the boxes are the parts of the names of tensors.
        args: Positional arguments of forward, for a live module.
        path: The module to draw; empty for the whole model.
        depth: Deepest level of boxes; None for as many as are readable, 0 for all.
        open: Shell patterns of the paths of modules to open, such as `encoder.layer.0`.
        fold: Draw consecutive identical boxes as one.
        heat: What colours and numbers of boxes show: `macs`, `params`, `activations` or `bytes`.
        direction: `TB` for data that flows down, `LR` for data that flows to the right.
        theme: `light`, `dark`, or `auto` for that of the reader's browser.
        max_boxes: Most boxes in a drawing; with more, the deepest are closed.
        against: A model to compare with, which is run with the same options.
        options: Inputs of forward, its mode and the columns, as for `summary`.

    Raises:
        UsageError: A checkpoint is compared, which has no steps, or a pattern of `open` matches nothing.
    """
    from netinspect.rendering.graph.opening import check_patterns
    from netinspect.reports.graph.compute import build_graph

    style = checked_style(
        depth=depth,
        open=(open,) if isinstance(open, str) else tuple(open),
        heat=heat,
        direction=direction,
        theme=theme,
        max_boxes=max_boxes,
    )
    found = load_or_read(model, args=args or None, **given(options))
    graph, note = None, ""
    if is_a(found, Checkpoint):
        graph, note = file_graph_of(found)
        if heat == "macs":  # the default, which no file contains
            style = replace(style, heat="params")
    other = None
    if against is not None:
        other = compared(found, load_or_read(against, args=args or None, **given(options)))
    record = build_graph(found, path=path, fold=fold, graph=graph, note=note, against=other)
    check_patterns(record, style.open)
    return GraphView(record, style=style)


def compared(found: Trace | Checkpoint, second: Trace | Checkpoint) -> Trace:
    """Return the trace of a model to compare with.

    Raises:
        UsageError: One of the two is a checkpoint, which has no steps.
    """
    for each in (found, second):
        if is_a(each, Checkpoint):
            raise UsageError(
                f"--against compares what two models run, but {each.target} is a checkpoint",
                hint="compare its tensors: netinspect diff A B",
            )
    assert not is_a(second, Checkpoint)
    return second
