"""`netinspect internals`."""

from __future__ import annotations

from netinspect import api
from netinspect.cli.options import ModelOptions, ModuleArgument, OutputOptions, TargetArgument
from netinspect.cli.requests import load_trace
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect internals lenet", "what the module itself holds"),
    ("netinspect internals lenet conv1", "the same of a submodule"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: TargetArgument = None,
    module: ModuleArgument = None,
) -> None:
    """Show what an nn.Module holds and what its __call__ runs."""
    trace = load_trace(target, model, output, run=False)
    show(api.internals(trace, module or ""), output)
