"""`netinspect trace`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.common import depth_or_all, look, show
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ModelOptions,
    OutputOptions,
    SymbolicOption,
    TargetArgument,
)

EXAMPLES = (
    ("netinspect trace lenet --input 10x1x28x28", "each step, with shapes"),
    ("netinspect trace lenet --grad", "also backward"),
    ("netinspect trace net.py:Net -i ids=2x16:int64:0..999", "token ids as input"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetArgument = None,
    depth: DepthOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also the functions inside torch's own layers.")
    ] = False,
    grad: Annotated[
        bool, typer.Option("--grad", help="Also run backward: grad_fn and gradients.")
    ] = False,
    values: Annotated[bool, typer.Option("--values", help="Print the output tensor.")] = False,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Show each step of forward with its shapes and source line."""
    trace = look(target, model, output, grad=grad, values=values, symbolic=symbolic)
    view = api.trace(trace, depth=depth_or_all(depth), full=full, grad=grad, values=values)
    show(view, output, columns)
