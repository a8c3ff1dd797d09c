"""`netinspect memory`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect._utils import process
from netinspect.api._memory import literal_model_args, memory_of
from netinspect.cli.console import style_for
from netinspect.cli.options import (
    ColumnsOption,
    DepthOption,
    LiveTargetArgument,
    ModelOptions,
    OutputOptions,
    SymbolicOption,
    TopOption,
    depth_or_all,
)
from netinspect.cli.progress import live_line
from netinspect.cli.requests import print_cache_outcome, read_request, run_request
from netinspect.cli.results import show
from netinspect.errors import UsageError
from netinspect.records.base import replace

EXAMPLES = (
    ("netinspect memory resnet18 --batch 32 --train", "the peak of training"),
    ("netinspect memory lenet --device-memory 24GiB", "the largest batch"),
    ("netinspect memory tiny_gpt --train --dtype bf16", "in another dtype"),
    ("netinspect memory resnet18 --train --symbolic batch", "for any batch"),
)


def command(
    model: ModelOptions,
    output: OutputOptions,
    target: LiveTargetArgument = None,
    optimizer: Annotated[
        str,
        typer.Option(
            "--optimizer",
            metavar="NAME",
            help="With --train: sgd, sgd-momentum, adam, adamw, adafactor or none.",
        ),
    ] = "adamw",
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="NAME",
            help="fp32, bf16 or fp16, for parameters and inputs. Default: as the model is built.",
            show_default=False,
        ),
    ] = None,
    checkpoint_activations: Annotated[
        bool,
        typer.Option(
            "--checkpoint-activations",
            help="With --train: repeated blocks recompute their activations.",
        ),
    ] = False,
    device_memory: Annotated[
        str | None,
        typer.Option(
            "--device-memory",
            metavar="SIZE",
            help="Find the largest batch that fits, such as in 24GiB or 512MiB.",
        ),
    ] = None,
    allocator: Annotated[
        str,
        typer.Option("--allocator", metavar="NAME", help="Allocator to model: cuda or cpu."),
    ] = "cuda",
    depth: DepthOption = None,
    top: TopOption = None,
    points: Annotated[
        int,
        typer.Option(
            "--points", metavar="N", min=0, help="About how many points of the timeline; 0 for all."
        ),
    ] = 28,
    no_fold: Annotated[
        bool, typer.Option("--no-fold", help="Show each module, and each point of the timeline.")
    ] = False,
    symbolic: SymbolicOption = None,
    columns: ColumnsOption = None,
) -> None:
    """Estimate the peak memory of a run and its composition.

    The run is tracked on tensors without data; with --train, two training iterations.
    """
    from netinspect.memory_tracker.prepare import read_options
    from netinspect.trace_cache.lookup import TraceCache

    # Report a wrong option before running the model.
    style_for(output, columns)
    if "optimizer" in model.typed and not model.train:
        raise UsageError(
            "--optimizer changes nothing in inference, which has none", hint="it goes with --train"
        )
    request = replace(
        read_request(target, model, output, symbolic=symbolic),
        model_args=literal_model_args(model.model_args()),
    )
    options = read_options(
        request,
        optimizer=optimizer,
        dtype=dtype,
        checkpoint=checkpoint_activations,
        allocator=allocator,
        limit=device_memory,
    )
    tracks = TraceCache() if model.cache else None
    # The inputs are found on what they are declared with: the batch is for the run without data alone.
    trace = run_request(replace(request, batch=None), model, output)
    with live_line(quiet=output.quiet, color=output.color) as is_shown:
        process.begin_phase("tracking memory")
        view = memory_of(
            trace,
            request,
            options,
            depth=depth_or_all(depth),
            top=top,
            points=points or None,
            fold=not no_fold,
            progress=_show_tracked if is_shown else None,
            cache=tracks,
        )
    if tracks is not None:
        print_cache_outcome(tracks, output, trace.target)
    show(view, output, columns)


def _show_tracked(text: str) -> None:
    process.begin_phase(f"tracked {text}")
