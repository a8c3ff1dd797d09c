"""Public function `memory`, and `memory_of`, which `cli/memory.py` calls with a trace."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from netinspect._utils.classes import is_a
from netinspect.api._inputs import read_inputs
from netinspect.api._load import one_or_several, refuse_to_run_again, resolve, trace_of
from netinspect.api._options import InputOptions, given, takes
from netinspect.api._view import View
from netinspect.errors import UsageError
from netinspect.records.base import replace
from netinspect.records.request import Target, TraceRequest, format_model_args
from netinspect.records.trace import Trace

if TYPE_CHECKING:
    from torch import nn

    from netinspect.memory_tracker.request import TrackOptions, TrackRequest
    from netinspect.records.memory import Tracking
    from netinspect.reports.memory.record import Memory
    from netinspect.trace_cache.lookup import TraceCache

Progress = Callable[[str], None]


@takes(InputOptions)
def memory(
    model: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    batch: int | None = None,
    train: bool = False,
    call: str = "forward",
    optimizer: str = "adamw",
    dtype: str | None = None,
    checkpoint_activations: bool = False,
    device_memory: str | int | None = None,
    allocator: str = "cuda",
    inputs: str | Sequence[str] = (),
    inputs_from: str | None = None,
    model_args: Mapping[str, Any] | None = None,
    seed: int = 0,
    online: bool = False,
    run_file: bool = False,
    symbolic: str | Sequence[str] = (),
    depth: int | None = None,
    top: int | None = None,
    points: int | None = 28,
    fold: bool = True,
    progress: Callable[[str], None] | None = None,
    cache: bool | TraceCache = False,
    **options: Unpack[InputOptions],
) -> View[Memory]:
    """Estimate the peak memory of a run, its composition and its timeline.

    The run is tracked on tensors without data, for whatever size of model; what needs values is run on
    the CPU with some, up to 8 GiB, and the report states so. A target is built again in a
    process of its own; a live module is copied, and tracked in this process. Not counted is what
    kernels, the allocator and the device take for themselves.

    Args:
        model: A live module; a target; or a trace of one, which is then built again with
            `model_args`. Code that a target names is run.
        args: Positional arguments of forward, for a live module. Of tensors only the sizes matter,
            as long as specs can describe them and forward reads no values.
        batch: First dimension of every input; None to leave it.
        train: Track two iterations of training: forward, backward, the optimizer's step.
        call: Method to run; see `load`.
        optimizer: `sgd`, `sgd-momentum`, `adam`, `adamw`, `adafactor` or `none`.
        dtype: `fp32`, `bf16` or `fp16`, for parameters, buffers and floating inputs; None to leave
            them unchanged.
        checkpoint_activations: Recompute the activations of repeated blocks in backward.
        device_memory: Memory to find the largest batch for, such as `24GiB`, or in bytes.
        allocator: Allocator to model: `cuda` or `cpu`.
        inputs: Input specs, such as `10x1x28x28`.
        inputs_from: A function that makes the inputs, such as `data.py:make`; see `load`.
        model_args: Arguments of the class or factory that a target names.
        seed: Seed of weights and inputs.
        online: Whether the configuration of a model on the hub may be fetched.
        run_file: Whether files that do work when they are imported are run whole; see `load`.
        symbolic: Input sizes to replace by symbols, such as `batch`: the run is then tracked at other
            sizes too, and its memory becomes expressions; see `load`.
        depth: Deepest level of modules with rows of their own; None for all.
        top: Keep only so many modules, those of identical blocks together; 0 for all, and None for all,
            of which people see five.
        points: About how many points of the timeline to keep; None for all.
        fold: Show the largest modules, and the timeline in one line, instead of every row.
        progress: Called with a short text for each run of `device_memory` or `symbolic`.
        cache: Whether cached traces and runs may be used, and new ones cached; see `load`.
        options: Inputs of forward and the columns, as for `summary`.

    Raises:
        LoadError: The target could not be loaded, or the model cannot be copied.
        UsageError: An option is not known, or the inputs do not fit.
        ForwardError: The model fails.
    """
    from netinspect.memory_tracker.prepare import read_options
    from netinspect.runner.run_options import GivenValues

    tracks = None
    if cache:
        from netinspect.trace_cache.lookup import TraceCache

        tracks = cache if isinstance(cache, TraceCache) else TraceCache()
    read = read_inputs(args, inputs=inputs, **given(options))
    found = resolve(model)
    if is_a(found, Trace):
        refuse_to_run_again(found, (read.specs, read.args, read.kwargs, call != "forward"))
    request = TraceRequest(
        target=found if is_a(found, Target) else None,
        model_args=literal_model_args(model_args or {}),
        online=online,
        run_file=run_file,
        inputs=read.specs,
        inputs_from=None if inputs_from is None else resolve(inputs_from),
        batch=batch,
        seed=seed,
        train=train,
        call=call,
        symbolic=one_or_several(symbolic),
    )
    tracking = read_options(
        request,
        optimizer=optimizer,
        dtype=dtype,
        checkpoint=checkpoint_activations,
        allocator=allocator,
        limit=device_memory,
    )
    if is_a(found, Trace) and request.symbolic:
        raise UsageError(
            f"a trace of {found.target} cannot be expressed in other symbols",
            hint="give the model or its target itself, or a trace that was loaded with symbolic=",
        )
    # The batch is for the run without data alone.
    trace = trace_of(
        found, replace(request, batch=None), GivenValues(read.args, read.kwargs), tracks or False
    )
    is_live = request.target is None and trace is not found
    arguments = (read.args or (), read.kwargs or {})
    track = partial(_track_live, model, arguments) if is_live else None
    return memory_of(
        trace,
        request,
        tracking,
        depth=depth,
        top=top,
        points=points,
        fold=fold,
        progress=progress,
        cache=tracks,
        track=track,
        has_values=any(arguments),
    )


def memory_of(
    trace: Trace,
    request: TraceRequest,
    options: TrackOptions,
    *,
    depth: int | None,
    top: int | None,
    points: int | None,
    fold: bool = True,
    progress: Progress | None,
    cache: TraceCache | None,
    track: Callable[[TrackRequest, Progress | None], Tracking] | None = None,
    has_values: bool = False,
) -> View[Memory]:
    """Track the memory of a traced model, and report it; see `memory`.

    Args:
        trace: The trace of the model, with its inputs.
        request: The request of the run: how the model is built again, its mode and batch.
        options: How to track it.
        depth: As for `memory`, as are the following ones.
        top: Number of modules.
        points: Number of points.
        fold: Whether the view is short.
        progress: Receives a short text for each tracked run.
        cache: The cache of tracked runs; None to track in any case.
        track: Tracks the run in this process; None to do so in a child process.
        has_values: Whether the caller gave the arguments of forward.
    """
    from netinspect.analysis.header import build_header, refuse_without_forward
    from netinspect.memory_tracker.prepare import prepare, tracked_inputs
    from netinspect.reports.memory.compute import build_memory

    refuse_without_forward(trace)
    if trace.failure is not None:
        from netinspect.rendering.failure import forward_error

        diagnosis = build_header(trace).failure
        assert diagnosis is not None
        raise forward_error(diagnosis)
    run = prepare(trace, options, request, has_values=has_values)
    if track is None:
        from netinspect.memory_tracker.cached_run import track_target
        from netinspect.targets.target import parse_target

        if run.run.target is None:
            if trace.target == trace.class_name:
                raise UsageError(
                    f"cannot build {trace.target} again: the trace is of a live model",
                    hint="give the model itself: netinspect.memory(model, *inputs)",
                )
            run = replace(run, run=replace(run.run, target=parse_target(run.name)))
        tracking = track_target(run, progress, cache)
    else:
        tracking = track(run, progress)
    return View(
        build_memory(
            trace,
            tracking,
            inputs=tracked_inputs(trace, run),
            allocator=options.device,
            optimizer=options.optimizer if request.train else None,
            dtype=options.dtype,
            checkpoint=options.checkpoint,
            depth=depth,
            top=top,
            points=points,
            fold=fold,
        )
    )


def literal_model_args(arguments: Mapping[str, Any]) -> str:
    """Return the arguments of a class or factory as a literal, for the child process.

    Raises:
        UsageError: One of them has no literal.
    """
    text = format_model_args(arguments)
    if text is None:
        raise UsageError(
            "the arguments of the class are not plain literals, and cannot be passed to another process",
            hint="build the model, and track the memory of the instance",
        )
    return text


def _track_live(
    model: Any, arguments: tuple[Any, Any], request: TrackRequest, progress: Progress | None
) -> Tracking:
    from netinspect.memory_tracker.given_arguments import Given
    from netinspect.memory_tracker.session import track_live
    from netinspect.targets.user_code_errors import model_code

    given = Given(arguments, request.run.call) if any(arguments) and not request.run.inputs else None
    with model_code(request.name):
        return track_live(request, model, progress, given)
