"""Public function `memory`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netinspect._utils.classes import is_a, is_target
from netinspect.api._view import View
from netinspect.runner.loading import load, one_or_several

if TYPE_CHECKING:
    from torch import nn

    from netinspect.memory_tracker.request import TrackRequest
    from netinspect.records.memory import Tracking
    from netinspect.records.trace import Trace
    from netinspect.reports.memory.record import Memory
    from netinspect.trace_cache.memory_tracks import MemoryTrackCache


def memory(
    subject: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    batch: int | None = None,
    train: bool = False,
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
    top: int | None = 10,
    points: int | None = 24,
    progress: Callable[[str], None] | None = None,
    cache: bool | MemoryTrackCache = False,
) -> View[Memory]:
    """Estimate the peak memory of a run, its composition and its timeline.

    The run is tracked on tensors without data, for whatever size of model; what needs values is run on
    the CPU with some, up to 8 GiB, and the report states so. A target is built again in a
    process of its own; a live module is copied, and tracked in this process. Not counted is what
    kernels, the allocator and the device take for themselves.

    Args:
        subject: A live module; a target; or a trace of one, which is then built again with
            `constructor`. Code that a target names is run.
        args: Positional arguments of forward, for a live module. Of tensors only the sizes matter,
            as long as specs can describe them and forward reads no values.
        batch: First dimension of every input; None to leave it.
        train: Track two iterations of training: forward, backward, the optimizer's step.
        optimizer: `sgd`, `sgd-momentum`, `adam`, `adamw`, `adafactor` or `none`.
        dtype: `fp32`, `bf16` or `fp16`, for parameters, buffers and floating inputs; None to leave
            them as they are.
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
        top: Keep only so many modules; None for all.
        points: About how many points of the timeline to keep; None for all.
        progress: Called with a short text for each run of `device_memory` or `symbolic`.
        cache: Whether cached traces and runs may be used, and new ones cached; see `load`.

    Raises:
        LoadError: The target could not be loaded, or the model cannot be copied.
        UsageError: An option is not known, or the inputs do not fit.
        ForwardError: The model fails.
    """
    from netinspect.errors import UsageError
    from netinspect.memory_tracker.prepare import prepare, read_options, tracked_inputs
    from netinspect.records.trace import Trace
    from netinspect.reports.memory.compute import build_memory
    from netinspect.targets.target import parse_live_target

    tracks = None
    if cache:
        from netinspect.trace_cache.memory_tracks import MemoryTrackCache

        tracks = cache if isinstance(cache, MemoryTrackCache) else MemoryTrackCache()
    symbols = one_or_several(symbolic)
    options = read_options(
        batch=batch,
        train=train,
        optimizer=optimizer,
        dtype=dtype,
        checkpoint=checkpoint_activations,
        allocator=allocator,
        limit=device_memory,
        symbolic=symbols,
    )
    if is_target(subject):
        parse_live_target(os.fspath(subject), online=online)
    trace = subject
    if not is_a(trace, Trace):
        trace = load(
            trace,
            args=args or None,
            inputs=inputs,
            inputs_from=inputs_from,
            constructor=model_args,
            seed=seed,
            online=online,
            run_file=run_file,
            training=train,
            symbolic=symbols,
            cache=bool(cache),
        )
    elif symbols:
        raise UsageError(
            f"a trace of {trace.target} cannot be expressed in other symbols",
            hint="give the model or its target itself, or a trace that was loaded with symbolic=",
        )
    from netinspect.analysis.header import refuse_without_forward

    refuse_without_forward(trace)
    if trace.failure is not None:
        from netinspect.analysis.header import build_header as head
        from netinspect.rendering.failure import forward_error

        diagnosis = head(trace).failure
        assert diagnosis is not None
        raise forward_error(diagnosis)
    request = prepare(
        trace,
        options,
        constructor=model_args,
        online=online,
        run_file=run_file,
        inputs_from=inputs_from,
        has_values=bool(args),
    )
    return View(
        build_memory(
            trace,
            _track(subject, args, request, progress, tracks),
            inputs=tracked_inputs(trace, options),
            allocator=options.device,
            optimizer=options.optimizer if options.training else None,
            dtype=options.dtype,
            checkpoint=options.checkpoint,
            depth=depth,
            top=top,
            points=points,
        )
    )


def _track(
    subject: nn.Module | Trace | str | os.PathLike[str],
    args: Sequence[Any],
    request: TrackRequest,
    progress: Callable[[str], None] | None,
    cache: MemoryTrackCache | None,
) -> Tracking:
    from netinspect.records.trace import Trace

    if is_a(subject, Trace) or is_target(subject):
        from netinspect.memory_tracker.cached_run import track_target

        return track_target(request, progress, cache)
    from netinspect.memory_tracker.given_arguments import Given
    from netinspect.memory_tracker.session import track_live
    from netinspect.targets.user_code_errors import model_code

    given = Given((tuple(args), {})) if args and not request.inputs else None
    with model_code(request.target):
        return track_live(request, subject, progress, given)
