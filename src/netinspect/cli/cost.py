"""`netinspect cost`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.completion_values import check_sort_key, complete_grouping
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
    TargetArgument,
    TopOption,
    depth_or_all,
)
from netinspect.cli.requests import load_trace
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect cost resnet18", "the most expensive modules"),
    ("netinspect cost resnet18 --tree", "all modules in order, with sums"),
    ("netinspect cost tiny_gpt --by operator", "by torch's operators"),
    ("netinspect cost lenet --by line --backward", "by source line; also backward"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetArgument = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="Rows: module, class, function, operator, kind or line.",
            autocompletion=complete_grouping,
        ),
    ] = "module",
    tree: Annotated[
        bool,
        typer.Option("--tree", help="Modules in order, each with the sum of what is below it."),
    ] = False,
    depth: DepthOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    sort: SortOption = None,
    top: TopOption = None,
    no_fold: NoFoldOption = False,
    backward: Annotated[
        bool, typer.Option("--backward", help="Run backward too; show its total.")
    ] = False,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Show what forward costs: MACs, FLOPs, activations, bytes."""
    from netinspect.reports.cost.compute import check_grouping

    # Report a wrong option before running the model.
    check_grouping(by)
    check_sort_key("cost", sort)
    trace = load_trace(target, model, output, backward=backward, symbolic=symbolic)
    view = api.cost(
        trace,
        by=by,
        tree=tree,
        depth=depth_or_all(depth),
        fold=not no_fold,
        include=include or (),
        exclude=exclude or (),
        sort=sort,
        top=top or None,
        backward=backward,
    )
    show(view, output, columns, fits=depth is None and not no_fold if tree else top is None)
