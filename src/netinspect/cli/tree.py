"""`netinspect tree`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.common import depth_or_all, look_or_read, show
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ModelOptions,
    ModuleArgument,
    OutputOptions,
    TargetOrFileArgument,
)

EXAMPLES = (
    ("netinspect tree lenet", "what each layer was made with"),
    ("netinspect tree tiny_gpt", "alike blocks in one line"),
    ("netinspect tree resnet18 layer1 --full", "one branch, nothing folded"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetOrFileArgument = None,
    module: ModuleArgument = None,
    depth: DepthOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="A line for each of several alike siblings.")
    ] = False,
    columns: ColumnsOption = None,
) -> None:
    """Show the module tree; forward is not run."""
    subject = look_or_read(target, model, output, run=False)
    show(api.tree(subject, module or "", depth=depth_or_all(depth), full=full), output, columns)
