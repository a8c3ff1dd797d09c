"""`netinspect models`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.completion import complete_pattern
from netinspect.cli.options import ColumnsOption, OutputOptions
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect models", "the sample models, each with its input"),
    ("netinspect models timm:", "all models of a library"),
    ("netinspect models 'timm:*convnext*'", "those that match"),
)


def command(
    output: OutputOptions,
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATTERN]",
            help="torchvision:, timm: or transformers: lists the models of that library; after the "
            "colon, or for the samples, a shell pattern or a part of the name.",
            autocompletion=complete_pattern,
            show_default=False,
        ),
    ] = None,
    columns: ColumnsOption = None,
) -> None:
    """List the sample models, or those of a library."""
    show(api.models(pattern), output, columns)
