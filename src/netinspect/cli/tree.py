"""`netinspect tree`."""

from __future__ import annotations

from netinspect import api
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    ModelOptions,
    ModuleArgument,
    NoFoldOption,
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
    no_fold: NoFoldOption = False,
    columns: ColumnsOption = None,
) -> None:
    """Show the module tree; forward is not run."""
    loaded = load_target(target, model, output, run=False)
    view = api.tree(loaded, module or "", depth=depth_or_all(depth), fold=not no_fold)
    show(view, output, columns, fits=depth is None and not no_fold)
