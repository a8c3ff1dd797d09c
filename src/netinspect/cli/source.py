"""`netinspect source`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.options import (
    ModelOptions,
    ModuleArgument,
    OutputOptions,
    SymbolicOption,
    TargetArgument,
)
from netinspect.cli.requests import load_trace
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect source lenet", "the class, with real shapes"),
    ("netinspect source tiny_gpt blocks.0.attention", "the class of a submodule"),
    ("netinspect source lenet conv1 --whole-class", "torch's own class, whole"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetArgument = None,
    module: ModuleArgument = None,
    whole_class: Annotated[
        bool, typer.Option("--whole-class", help="Show every line of the class.")
    ] = False,
    symbolic: SymbolicOption = None,
) -> None:
    """Show the source of a class with the shapes at each line."""
    trace = load_trace(target, model, output, code=True, symbolic=symbolic)
    show(api.source(trace, path=module or "", whole_class=whole_class), output)
