"""`netinspect graph`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from netinspect import api
from netinspect.cli.completion import complete_target
from netinspect.cli.options import (
    OUTPUT_PANEL,
    ColumnsOption,
    DepthOption,
    ModelOptions,
    ModuleArgument,
    NoFoldOption,
    OutputOptions,
    SymbolicOption,
    TargetOrFileArgument,
)
from netinspect.cli.requests import load_other, load_target
from netinspect.cli.results import show
from netinspect.records.base import record
from netinspect.rendering.formats import GRAPH_SUFFIXES, SUFFIXES, Format
from netinspect.rendering.graph.options import MOST_BOXES, HeatKey, Theme

EXAMPLES = (
    ("netinspect graph resnet18", "boxes in the terminal"),
    ("netinspect graph resnet18 -o resnet18.svg", "a drawing"),
    ("netinspect graph tiny_gpt blocks.0 -f mermaid", "one, for Markdown"),
)


@record
class GraphOutputOptions(OutputOptions):
    """Options of the output of a graph, which has formats of its own."""

    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            envvar="NETINSPECT_FORMAT",
            help=f"{', '.join(Format)}. Default: rich on a terminal, plain in a pipe.",
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
            help="Write to FILE; the suffix selects the format: "
            f"{' '.join((*SUFFIXES, *GRAPH_SUFFIXES))} .txt",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None


def command(
    model: ModelOptions,
    output: GraphOutputOptions,
    target: TargetOrFileArgument = None,
    module: ModuleArgument = None,
    depth: DepthOption = None,
    open: Annotated[
        list[str] | None,
        typer.Option("--open", metavar="GLOB", help="Open the modules of matching paths; repeatable."),
    ] = None,
    no_fold: NoFoldOption = False,
    heat: Annotated[
        str,
        typer.Option(
            "--heat",
            metavar="KEY",
            help=f"Numbers and colours: {', '.join(get_args(HeatKey))}.",
        ),
    ] = "macs",
    direction: Annotated[
        str,
        typer.Option("--direction", metavar="TB|LR", help="Where data flows: down or to the right."),
    ] = "TB",
    theme: Annotated[
        str,
        typer.Option("--theme", metavar="NAME", help=f"Colours: {', '.join(get_args(Theme))}."),
    ] = "auto",
    max_boxes: Annotated[
        int,
        typer.Option("--max-boxes", metavar="N", min=1, help="With more boxes, close the deepest."),
    ] = MOST_BOXES,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="B",
            help="Compare with another model, which is run too.",
            autocompletion=complete_target,
            show_default=False,
        ),
    ] = None,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Draw modules and functions as boxes, and the data between them."""
    loaded = load_target(target, model, output, symbolic=symbolic)
    other = load_other(against, model, output, symbolic=symbolic)
    view = api.graph(
        loaded,
        path=module or "",
        depth=depth,
        open=open or (),
        fold=not no_fold,
        heat=heat,
        direction=direction,
        theme=theme,
        max_boxes=max_boxes,
        against=other,
    )
    show(view, output, columns, fits=depth is None and not open and not no_fold)
