"""`netinspect tree`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ModelOptions,
    ModuleArgument,
    OutputOptions,
    TargetOrFileArgument,
    depth_or_all,
)
from netinspect.cli.requests import load_target
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect tree lenet", "what each layer was made with"),
    ("netinspect tree tiny_gpt", "identical blocks in one row"),
    ("netinspect tree resnet18 layer1 --no-fold", "one branch, nothing folded"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetOrFileArgument = None,
    module: ModuleArgument = None,
    depth: DepthOption = None,
    no_fold: Annotated[
        bool, typer.Option("--no-fold", help="Show each of several identical siblings.")
    ] = False,
    columns: ColumnsOption = None,
) -> None:
    """Show the module tree; forward is not run."""
    loaded = load_target(target, model, output, run=False)
    show(api.tree(loaded, module or "", depth=depth_or_all(depth), fold=not no_fold), output, columns)
