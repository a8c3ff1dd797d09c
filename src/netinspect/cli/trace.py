"""`netinspect trace`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ModelOptions,
    NoFoldOption,
    OutputOptions,
    SymbolicOption,
    TargetArgument,
    depth_or_all,
)
from netinspect.cli.requests import load_trace
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect trace lenet --input 10x1x28x28", "each step, with shapes"),
    ("netinspect trace lenet --backward", "also backward"),
    ("netinspect trace net.py:Net -i ids=2x16:int64:0..999", "token ids as input"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetArgument = None,
    depth: DepthOption = None,
    inside_layers: Annotated[
        bool,
        typer.Option("--inside-layers", help="Include the functions inside torch's own layers."),
    ] = False,
    backward: Annotated[
        bool,
        typer.Option("--backward", help="Run backward too; show grad_fn and gradients."),
    ] = False,
    values: Annotated[bool, typer.Option("--values", help="Print the output tensor.")] = False,
    no_fold: NoFoldOption = False,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Show each step of forward with its shapes and source line."""
    trace = load_trace(target, model, output, backward=backward, values=values, symbolic=symbolic)
    view = api.trace(
        trace,
        depth=depth_or_all(depth),
        inside_layers=inside_layers,
        backward=backward,
        values=values,
        fold=not no_fold,
    )
    show(view, output, columns, fits=depth is None and not no_fold)
