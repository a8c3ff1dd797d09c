"""Computation of the page of a model from its trace, or from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from netinspect.analysis.header import build_header, header_and_totals
from netinspect.analysis.picture.checkpoint_picture import picture_of_checkpoint
from netinspect.errors import NetinspectError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.file_graph import FileGraph
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.picture import Picture, Template
from netinspect.records.report_header import ReportHeader
from netinspect.records.trace import Trace
from netinspect.reports.cost.compute import count_cost
from netinspect.reports.graph.compute import build_graph
from netinspect.reports.memory.record import Memory
from netinspect.reports.page.listings import list_sources
from netinspect.reports.page.record import Page, PageNote, Part
from netinspect.reports.page.short_paths import ShortPaths
from netinspect.reports.params.compute import ReadValues, list_tensors
from netinspect.reports.params.record import Parameters
from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary
from netinspect.reports.summary.compute import build_summary

Report = TypeVar("Report")

MOST_TENSORS = 2000
"""Maximum number of named tensors on a page: the largest."""

STATS_COMMAND = "netinspect page TARGET --stats"
"""Command whose page has the values of a checkpoint."""

MEMORY_POINTS = 240
"""Points of the timeline of memory."""

MOST_ROWS = 3000
"""Maximum number of rows of the table with each of several identical blocks."""


def build_page(
    trace: Trace,
    *,
    memory: Memory | None = None,
    source: bool = True,
    notes: tuple[PageNote, ...] = (),
    against: Trace | None = None,
) -> Page:
    """Build the page of a trace. A part that cannot be built is a note.

    Args:
        trace: The trace; with statistics and source code, if the page is to show them.
        memory: The tracked memory of a run of the same model; None if it was not tracked.
        source: Whether the page may contain source code.
        notes: Notes on the memory.
        against: The trace of a model to compare the graph with.
    """
    parts = _Parts()
    paths = ShortPaths()
    if memory is None and not notes:
        parts.note("memory", "not tracked; netinspect page TARGET --memory tracks it")
    picture = parts.build("graph", lambda: build_graph(trace, against=against))
    if trace.ran and not trace.steps:
        parts.note("graph", "forward failed before its first call")
    summary = parts.build("table", lambda: build_summary(trace))
    if summary is not None and len(summary.rows) > MOST_ROWS:
        folded = tuple(row for row in summary.rows if row.repeat_of is None)
        summary = replace(summary, rows=folded)
        parts.note("table", "of identical blocks only the first has rows")
    listings = list_sources(trace, paths) if source else ()
    if not source:
        parts.note("source", "left out on request (--no-source)")
    elif not listings:
        why = "the trace contains no source" if trace.ran else "forward was not run"
        parts.note("source", why)
    parameters = _parameters(trace, parts)
    operators = None
    if trace.ran and trace.counted != "no":
        operators = parts.build("cost", lambda: count_cost(trace, by="operator"))
    else:
        parts.note("cost", "forward was not run" if not trace.ran else "the trace contains no costs")
    header = build_header(trace)
    return Page(
        header=_without_source(header, paths, source=source),
        picture=None if picture is None else _with_short_paths(picture, paths, source=source),
        summary=summary,
        contents=None,
        sources=listings,
        parameters=parameters,
        memory=memory,
        operators=operators,
        notes=(*parts.notes, *notes),
    )


def build_checkpoint_page(
    checkpoint: Checkpoint,
    graph: FileGraph | None = None,
    *,
    note: str = "",
    source: bool = True,
    read: ReadValues | None = None,
) -> Page:
    """Build the page of a checkpoint: its graph or the tree of its names, and its tensors.

    Args:
        checkpoint: The checkpoint.
        graph: The graph in its file; None if it has none.
        note: Reason why that graph could not be read.
        source: Whether the page may contain source code.
        read: Values of all its tensors; None if they were not read.
    """
    header, _, _ = header_and_totals(checkpoint)
    parts = _Parts()
    picture = parts.build("graph", lambda: picture_of_checkpoint(checkpoint, graph, note=note))
    for text in () if picture is None else picture.notes:
        parts.note("graph", text)
    has_graph = graph is not None
    not_run = "a checkpoint has no forward to run"
    parts.note("source", "the file contains no source" if has_graph else "a checkpoint has no source")
    parts.note("memory", "the graph of the file was not run" if has_graph else not_run)
    parts.note("cost", "the file contains no costs, and nothing was run" if has_graph else not_run)
    if read is None and checkpoint.tensors:
        parts.note(
            "parameters", f"the values were not read; {STATS_COMMAND} reads them, for NaN and Inf"
        )
    return Page(
        header=header,
        picture=picture and _with_short_paths(picture, ShortPaths(), source=source),
        summary=None,
        contents=parts.build("table", lambda: build_checkpoint_summary(checkpoint)),
        sources=(),
        parameters=parts.build(
            "parameters", lambda: _largest(list_tensors(checkpoint, read=read), parts)
        ),
        memory=None,
        operators=None,
        notes=parts.notes,
    )


def memory_note(error: NetinspectError) -> PageNote:
    """Return the note on a memory that could not be tracked."""
    return PageNote(part="memory", text=_text(error))


def _text(error: NetinspectError) -> str:
    return ": ".join(filter(None, (error.message, error.cause)))


class _Parts:
    """Builds the parts of a page, and collects the notes on those that fail."""

    def __init__(self) -> None:
        self.notes: tuple[PageNote, ...] = ()

    def note(self, part: Part, text: str) -> None:
        self.notes += (PageNote(part=part, text=text),)

    def build(self, part: Part, compute: Callable[[], Report]) -> Report | None:
        try:
            return compute()
        except NetinspectError as error:
            self.note(part, _text(error))
            return None


def _parameters(trace: Trace, parts: _Parts) -> Parameters | None:
    has_statistics = any(each.statistics for each in (*trace.parameters, *trace.buffers))
    has_tensors = bool(trace.parameters or trace.buffers)
    if has_tensors and not has_statistics:
        parts.note("parameters", _why_no_statistics(trace))
    listed = parts.build(
        "parameters", lambda: list_tensors(trace, buffers=True, statistics=has_statistics, fold=False)
    )
    return None if listed is None else _largest(listed, parts)


def _why_no_statistics(trace: Trace) -> str:
    if trace.tensor_mode == "real":
        return "the values were not read, so there are no statistics"
    return (
        f"the model was run on {trace.tensor_mode} tensors, so there are no statistics of its weights: "
        "--tensors real builds them"
    )


def _largest(listed: Parameters, parts: _Parts) -> Parameters:
    """Return a list with the largest tensors only, if it is long."""
    hidden = len(listed.rows) - MOST_TENSORS
    if hidden <= 0:
        return listed
    parts.note("parameters", f"the {MOST_TENSORS:,} largest tensors are shown, {hidden:,} are not")

    def size(row: NamedTensor) -> int:
        return -row.elements

    largest = {id(row) for row in sorted(listed.rows, key=size)[:MOST_TENSORS]}
    rows = tuple(row for row in listed.rows if id(row) in largest)
    return replace(listed, rows=rows, hidden=listed.hidden + hidden)


def _with_short_paths(picture: Picture, paths: ShortPaths, *, source: bool) -> Picture:
    """Return a picture whose source places have short paths, and no text if the source is left out."""

    def shortened(template: Template) -> Template:
        site, place = template.site, template.defined_at
        if site is not None:
            text = site.text if source else ""
            site = replace(site, file=paths.of(site.file), text=text)
        return replace(template, site=site, defined_at=paths.of_place(place))

    header = picture.header
    if isinstance(header, ReportHeader):
        header = _without_source(header, paths, source=source)
    return replace(picture, header=header, templates=tuple(map(shortened, picture.templates)))


def _without_source(header: ReportHeader, paths: ShortPaths, *, source: bool) -> ReportHeader:
    """Return a header whose failure has a short path, and no text if the source is left out."""
    failure = header.failure
    if failure is None or failure.place is None:
        return header
    place = replace(
        failure.place,
        file=paths.of(failure.place.file),
        text=failure.place.text if source else "",
    )
    columns = failure.columns if source else None
    return replace(header, failure=replace(failure, place=place, columns=columns))
