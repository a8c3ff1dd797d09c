"""`netinspect page`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netinspect._utils import process
from netinspect._utils.classes import is_a
from netinspect.api._page import HEATS, THEMES, page_of
from netinspect.cli.completion import complete_target
from netinspect.cli.console import is_terminal
from netinspect.cli.options import (
    OUTPUT_PANEL,
    ModelOptions,
    OutputOptions,
    SymbolicOption,
    TargetOrFileArgument,
)
from netinspect.cli.progress import bytes_read, live_line
from netinspect.cli.requests import load_other, load_target, read_request, read_target
from netinspect.cli.results import show
from netinspect.cli.streams import result_stream
from netinspect.errors import NetinspectError, UsageError
from netinspect.records.base import record, replace
from netinspect.records.request import Target
from netinspect.rendering.formats import PAGE_FORMATS, Format, page_format_of, refused_for_page
from netinspect.rendering.graph.options import checked_style

if TYPE_CHECKING:
    from netinspect.memory_tracker.request import TrackRequest
    from netinspect.records.memory import Tracking
    from netinspect.records.trace import Trace
    from netinspect.reports.memory.record import Memory
    from netinspect.reports.page.record import PageNote

EXAMPLES = (
    ("netinspect page lenet -o lenet.html", "graph, table, source"),
    ("netinspect page net.py:Net -i 1x3x64x64 -o x.html", "of your own model"),
    ("netinspect page resnet18 --memory -o resnet.html", "memory over time"),
    ("netinspect page model.pt --stats -o model.html", "of a checkpoint"),
)


@record
class PageOutputOptions(OutputOptions):
    """Options of the output of a page, which has formats of its own."""

    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            envvar="NETINSPECT_FORMAT",
            help=f"{', '.join(PAGE_FORMATS)}. Default: html.",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            readable=False,
            help="Write to FILE; its suffix, .html or .json, selects the format.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None


def command(
    model: ModelOptions,
    output: PageOutputOptions,
    target: TargetOrFileArgument = None,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="Track the memory of the run too. Default: only if it is cached."),
    ] = False,
    stats: Annotated[
        bool,
        typer.Option(
            "--stats", help="Read the values of a checkpoint: mean, NaN, Inf. Those of models are read."
        ),
    ] = False,
    no_source: Annotated[
        bool, typer.Option("--no-source", help="Leave the source code out of the page.")
    ] = False,
    theme: Annotated[
        str,
        typer.Option("--theme", metavar="NAME", help=f"{', '.join(THEMES[:-1])} or {THEMES[-1]}."),
    ] = "auto",
    heat: Annotated[
        str,
        typer.Option("--heat", metavar="KEY", help=f"What colours show at first: {', '.join(HEATS)}."),
    ] = "macs",
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="B",
            help="Compare the graph with that of another model, which is run too.",
            autocompletion=complete_target,
            show_default=False,
        ),
    ] = None,
    symbolic: SymbolicOption = None,
) -> None:
    """Write one HTML file with the graph and all that is known of a model.

    The file loads nothing, runs only its own scripts, and can be opened anywhere.
    """
    from netinspect.records.checkpoint import Checkpoint

    checked_style(theme=theme, heat=heat)
    output = _for_page(output)
    parsed = read_target(target, output)
    if parsed.is_checkpoint and memory:
        raise UsageError(
            f"--memory is for models, but {parsed.text} is a checkpoint",
            hint="leave it out, or name the model itself",
        )
    loaded = load_target(parsed, model, output, stats="if_small", code=not no_source, symbolic=symbolic)
    tracked: Memory | None = None
    notes: tuple[PageNote, ...] = ()
    if not is_a(loaded, Checkpoint):
        tracked, notes = _memory_of(loaded, parsed, model, output, symbolic, is_asked=memory)
    other = load_other(against, model, output, symbolic=symbolic)
    with bytes_read("values", quiet=output.quiet) as progress:
        view = page_of(
            loaded,
            memory=tracked,
            notes=notes,
            stats=stats,
            source=not no_source,
            theme=theme,
            heat=heat,
            against=other,
            progress=progress,
        )
    show(view, output)


def _for_page(output: PageOutputOptions) -> PageOutputOptions:
    """Return output options with the format of a page.

    Raises:
        UsageError: It is not one of a page, or the page would be written to a terminal.
    """
    if output.json:
        return output
    chosen = output.format if "format" in output.typed else None
    if chosen is None and output.output is not None:
        chosen = page_format_of(output.output)
    if chosen is not None and chosen not in PAGE_FORMATS:
        raise refused_for_page(chosen)
    if output.output is None and chosen is not Format.JSON and is_terminal(result_stream()):
        raise UsageError(
            "page writes HTML, and stdout is a terminal",
            hint="name a file: netinspect page TARGET -o page.html",
        )
    return replace(output, format=chosen or Format.HTML, typed=output.typed | {"format"})


def _memory_of(
    trace: Trace,
    target: Target,
    model: ModelOptions,
    output: OutputOptions,
    symbolic: list[str] | None,
    *,
    is_asked: bool,
) -> tuple[Memory | None, tuple[PageNote, ...]]:
    """Return the tracked memory of the model, if it is cached or asked for, or a note on it.

    Its peak is that of `netinspect memory` with the same options of the model.
    """
    from netinspect.api._memory import literal_model_args, memory_of
    from netinspect.memory_tracker.cached_run import MEMORY_TRACK
    from netinspect.memory_tracker.prepare import read_options
    from netinspect.reports.page.compute import MEMORY_POINTS, memory_note
    from netinspect.trace_cache.lookup import TraceCache

    tracks = TraceCache() if model.cache else None

    def cached(run: TrackRequest, _: object) -> Tracking:
        found = None if tracks is None else tracks.peek(MEMORY_TRACK, run)
        if found is None:
            raise UsageError("not tracked; netinspect page TARGET --memory tracks it")
        return found

    try:
        request = read_request(target, model, output, symbolic=symbolic)
        request = replace(request, model_args=literal_model_args(model.model_args()))
        options = read_options(
            request, optimizer="adamw", dtype=None, checkpoint=False, allocator="cuda", limit=None
        )
        with live_line(quiet=output.quiet, color=output.color):
            process.begin_phase("tracking memory")
            view = memory_of(
                trace,
                request,
                options,
                depth=None,
                top=None,
                points=MEMORY_POINTS,
                progress=None,
                cache=tracks,
                track=None if is_asked else cached,
            )
    except NetinspectError as error:
        return None, (memory_note(error),)
    return view.record, ()
