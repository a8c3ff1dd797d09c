"""`netinspect summary`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.completion_values import check_sort_key
from netinspect.cli.console import print_message
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ExcludeOption,
    IncludeOption,
    ModelOptions,
    NoFoldOption,
    OutputOptions,
    SortOption,
    SymbolicOption,
    TargetOrFileArgument,
    TopOption,
    depth_or_all,
)
from netinspect.cli.requests import load_target, read_target
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect summary lenet", "layers and shapes"),
    ("netinspect summary net.py:Net -i 1x3x64x64 --functions", "with the functions"),
    ("netinspect summary resnet18 --sort params --top 5", "the five largest"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetOrFileArgument = None,
    depth: DepthOption = None,
    order: Annotated[
        str,
        typer.Option("--order", metavar="NAME", help="definition, or calls for the order of forward."),
    ] = "definition",
    functions: Annotated[
        bool, typer.Option("--functions", help="Include the functions called between layers.")
    ] = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    sort: SortOption = None,
    top: TopOption = None,
    no_fold: NoFoldOption = False,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Show layers, shapes and totals, or what a checkpoint holds."""
    parsed = read_target(target, output)
    check_sort_key("summary", sort, of_checkpoint=parsed.is_checkpoint)
    loaded = load_target(parsed, model, output, symbolic=symbolic)
    view = api.summary(
        loaded,
        depth=depth_or_all(depth),
        order=order,
        functions=functions,
        fold=not no_fold,
        include=include or (),
        exclude=exclude or (),
        sort=sort,
        top=top or None,
    )
    if output.verbose and not output.quiet:
        from netinspect.reports.summary.layout import never_called_text

        if text := never_called_text(view.record):
            print_message(text)
    show(view, output, columns, fits=depth is None and not no_fold)
