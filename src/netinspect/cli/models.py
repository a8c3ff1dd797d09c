"""`netinspect models`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.completion import complete_pattern
from netinspect.cli.options import ColumnsOption, OutputOptions
from netinspect.cli.progress import live_line
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect models", "the sample models, each with its input"),
    ("netinspect models vit", "models of all libraries that match"),
    ("netinspect models timm:", "all models of a library"),
    ("netinspect models 'timm:*convnext*'", "those that match"),
    ("netinspect models src", "the classes of a folder"),
)


def command(
    output: OutputOptions,
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATTERN|PATH]",
            help="A shell pattern or a part of a name, after torchvision:, timm:, transformers: or "
            "diffusers: for one library; or a file or folder, whose classes are found by reading.",
            autocompletion=complete_pattern,
            show_default=False,
        ),
    ] = None,
    columns: ColumnsOption = None,
) -> None:
    """List models: samples, those of libraries, classes of a folder.

    Nothing is imported or run.
    """
    with live_line(quiet=output.quiet, color=output.color):
        view = api.models(pattern)
    show(view, output, columns)
