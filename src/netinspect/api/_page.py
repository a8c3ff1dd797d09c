"""Public function `page`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, get_args

from netinspect._utils.classes import is_a
from netinspect.api._checkpoints import refuse_for_checkpoint, summarize_values
from netinspect.api._file_graphs import file_graph_of
from netinspect.api._graph import compared
from netinspect.api._load import load_or_read
from netinspect.api._options import ForwardOptions, given, takes
from netinspect.api._view import View
from netinspect.errors import NetinspectError
from netinspect.records.base import replace as changed
from netinspect.records.checkpoint import Checkpoint
from netinspect.rendering.graph.options import HeatKey, Theme, checked_style
from netinspect.reports.page.record import Page

if TYPE_CHECKING:
    from torch import nn

    from netinspect.records.trace import Trace
    from netinspect.rendering.formats import Style
    from netinspect.reports.memory.record import Memory
    from netinspect.reports.page.record import PageNote

THEMES: tuple[str, ...] = get_args(Theme)
HEATS: tuple[str, ...] = get_args(HeatKey)
_FRAME_HEIGHT = 720
"""Pixels of the page in a notebook."""


@dataclass(frozen=True, repr=False)
class PageView(View[Page]):
    """A page, which notebooks show in a frame of its own, and `save` writes as one HTML file."""

    theme: str = "auto"
    """Theme until the reader chooses another one: `auto`, `light` or `dark`."""

    heat: str = "macs"
    """Number that colours show until the reader chooses another one."""

    @property
    def html(self) -> str:
        """The page: one HTML document, which loads no other files."""
        return self.text("html")

    def save(
        self,
        file: str | os.PathLike[str],
        format: str | None = None,
        *,
        width: int | None = None,
        exact: bool = False,
    ) -> None:
        """Write the page to a file, whole or not at all, as `-o` of the command line does.

        Args:
            file: The file; an existing one is replaced.
            format: `html`, or `json` for the data; None for that of the suffix.
            width: Unused: a page fits the window.
            exact: Unused: a page has exact numbers.

        Raises:
            UsageError: It is of another format, or the file cannot be written.
        """
        from netinspect.rendering.formats import (
            PAGE_FORMATS,
            format_named,
            page_format_of,
            refused_for_page,
        )

        chosen = page_format_of(Path(file)) if format is None else format_named(format)
        if chosen not in PAGE_FORMATS:
            raise refused_for_page(chosen)
        super().save(file, chosen, width=width, exact=exact)

    def _render(self, style: Style) -> str:
        from netinspect.rendering.formats import PAGE_FORMATS, Format, refused_for_page

        # Where no HTML can be shown, as on a terminal, a page is the list of its parts.
        if style.format not in (*PAGE_FORMATS, Format.RICH, Format.PLAIN):
            raise refused_for_page(style.format)
        return super()._render(style)

    def styled(self, style: Style) -> Style:
        """Return a style with the theme and the heat of this view."""
        return changed(style, graph=changed(style.graph, theme=self.theme, heat=self.heat))

    def _repr_html_(self) -> str:
        """Return a frame with the page; its scripts run apart from those of the notebook."""
        from html import escape

        return (
            f'<iframe sandbox="allow-scripts" width="100%" height="{_FRAME_HEIGHT}" '
            f'title="{escape(self.record.header.target)}" '
            f'style="border: 0" srcdoc="{escape(self.html)}"></iframe>'
        )


@takes(ForwardOptions)
def page(
    model: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *args: Any,
    memory: bool = False,
    stats: bool = False,
    source: bool = True,
    theme: str = "auto",
    heat: str = "macs",
    against: nn.Module | Trace | Checkpoint | str | os.PathLike[str] | None = None,
    **options: Unpack[ForwardOptions],
) -> PageView:
    """Show all that is known of a model on one page: its graph, table, source, parameters and costs.

    The page is one HTML file, which loads nothing and runs only its own scripts. A part that cannot be
    shown is a note on it.

    Args:
        model: A model, a trace or a target; see `load` and `read_checkpoint`.
        args: Positional arguments of forward, for a live module.
        memory: Track the memory of the run too, as `memory` does; of a saved trace that is not possible.
        stats: Read the values of a checkpoint, for mean, NaN and histograms. Those of models always are.
        source: Show the source of the classes; False for models whose code is confidential.
        theme: `auto` for that of the reader's system, `light` or `dark`.
        heat: What the colours show at first: `macs`, `params`, `activations` or `bytes`.
        against: A model to compare the graph with, which is run with the same options.
        options: Inputs of forward and its mode, as for `summary`.
    """
    checked_style(theme=theme, heat=heat)
    found = load_or_read(model, args=args or None, stats="if_small", code=source, **given(options))
    tracked: Memory | None = None
    notes: tuple[PageNote, ...] = ()
    if is_a(found, Checkpoint):
        refuse_for_checkpoint("memory", memory, "a checkpoint has no forward to run")
    elif memory:
        tracked, notes = _track(model, args, options)
    second = None if against is None else load_or_read(against, args=args or None, **given(options))
    return page_of(
        found,
        memory=tracked,
        notes=notes,
        stats=stats,
        source=source,
        theme=theme,
        heat=heat,
        against=second,
    )


def page_of(
    found: Trace | Checkpoint,
    *,
    memory: Memory | None = None,
    notes: tuple[PageNote, ...] = (),
    stats: bool = False,
    source: bool = True,
    theme: str = "auto",
    heat: str = "macs",
    against: Trace | Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PageView:
    """Return the page of a trace or a checkpoint; see `page`, and for `progress` `params`."""
    from netinspect.reports.page.compute import build_checkpoint_page, build_page

    other = None if against is None else compared(found, against)
    if is_a(found, Checkpoint):
        from netinspect.reports.params.compute import ReadValues

        graph, note = file_graph_of(found)
        read = None
        if stats:
            indices = range(len(found.tensors))
            summaries, findings = summarize_values(found, indices, progress)
            read = ReadValues(dict(zip(indices, summaries, strict=True)), findings)
        record = build_checkpoint_page(found, graph, note=note, source=source, read=read)
        # No file contains MACs, the default.
        return PageView(record, theme=theme, heat="params" if heat == "macs" else heat)
    return PageView(
        build_page(found, memory=memory, notes=notes, source=source, against=other),
        theme=theme,
        heat=heat,
    )


def _track(
    model: Any, args: tuple[Any, ...], options: ForwardOptions
) -> tuple[Memory | None, tuple[PageNote, ...]]:
    """Return the memory of a run, or a note on why it is unknown."""
    from netinspect.api._memory import memory
    from netinspect.reports.page.compute import MEMORY_POINTS, memory_note

    passed = {key: value for key, value in given(options).items() if key in _OF_MEMORY}
    try:
        return memory(model, *args, points=MEMORY_POINTS, **passed).record, ()
    except NetinspectError as error:
        return None, (memory_note(error),)


_OF_MEMORY = frozenset(
    {
        *("kwargs", "input_size", "input_data", "dtypes", "inputs", "inputs_from", "batch", "train"),
        *("model_args", "seed", "online", "run_file", "symbolic", "cache"),
    }
)
"""Options that `memory` takes too."""
