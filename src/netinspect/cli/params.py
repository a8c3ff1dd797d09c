"""`netinspect params`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.completion_values import check_sort_key
from netinspect.cli.options import (
    ColumnsOption,
    ExcludeOption,
    IncludeOption,
    ModelOptions,
    NoFoldOption,
    OutputOptions,
    SortOption,
    TargetOrFileArgument,
    TopOption,
)
from netinspect.cli.progress import bytes_read
from netinspect.cli.requests import load_target, read_target
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect params lenet", "name, shape, dtype and size"),
    ("netinspect params lenet --values", "the tensors themselves"),
    ("netinspect params resnet18 --stats --top 10", "with mean, std, zeros, NaN"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetOrFileArgument = None,
    buffers: Annotated[bool, typer.Option("--buffers", help="Also the buffers.")] = False,
    values: Annotated[bool, typer.Option("--values", help="Print the tensors.")] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Mean, std, min, max, zeros, NaN and Inf of each.")
    ] = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    sort: SortOption = None,
    top: TopOption = None,
    no_fold: NoFoldOption = False,
    columns: ColumnsOption = None,
) -> None:
    """List every parameter, or every tensor of a checkpoint."""
    parsed = read_target(target, output)
    kind = "params --stats" if stats else "params without --stats"
    check_sort_key(kind, sort, of_checkpoint=parsed.is_checkpoint)
    loaded = load_target(parsed, model, output, run=False, values=values, stats=stats)
    with bytes_read("values", quiet=output.quiet) as progress:
        view = api.params(
            loaded,
            buffers=buffers,
            stats=stats,
            values=values,
            fold=not no_fold,
            include=include or (),
            exclude=exclude or (),
            sort=sort,
            top=top or None,
            progress=progress,
        )
    show(view, output, columns)
