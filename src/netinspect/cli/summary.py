"""`netinspect summary`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.common import depth_or_all, look_or_read, show
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ExcludeOption,
    IncludeOption,
    ModelOptions,
    OutputOptions,
    SymbolicOption,
    TargetOrFileArgument,
    TopOption,
)

EXAMPLES = (
    ("netinspect summary lenet", "layers and shapes"),
    ("netinspect summary net.py:Net -i 1x3x64x64 --ops", "with the functions"),
    ("netinspect summary resnet18 --sort params --top 5", "the five largest"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetOrFileArgument = None,
    depth: DepthOption = 3,
    ops: Annotated[bool, typer.Option("--ops", help="Also the functions between the layers.")] = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="params, branch, bytes, macs, calls, output, name; tensors."),
    ] = None,
    top: TopOption = None,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Show layers, shapes and totals, or what a checkpoint holds."""
    subject = look_or_read(target, model, output, symbolic=symbolic)
    view = api.summary(
        subject,
        depth=depth_or_all(depth),
        ops=ops,
        include=include or (),
        exclude=exclude or (),
        sort=sort,
        top=top or None,
    )
    show(view, output, columns)
