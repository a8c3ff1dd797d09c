"""Tracks what a request asks for: builds the model without data, runs it, looks for the batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import torch
from torch import nn

from netinspect.analyze.footprint import peak_bytes, totals
from netinspect.errors import (
    ForwardError,
    LoadError,
    NetinspectError,
    UsageError,
    class_name,
    message_of,
)
from netinspect.inputs.arguments import make_arguments
from netinspect.inputs.request import InputRequest
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.kinds import plain_name
from netinspect.observe.arguments import split
from netinspect.observe.deferred import run_through
from netinspect.observe.frames import raising_line
from netinspect.observe.guest import preserved, preserved_defaults
from netinspect.observe.members import named_parameters
from netinspect.observe.modes import set_mode
from netinspect.observe.run import run_forward
from netinspect.observe.threads import in_all_threads
from netinspect.records.memory import MemoryTrack, Tracking
from netinspect.tracking.allocations import AllocationTracker
from netinspect.tracking.checkpointing import checkpoint_blocks
from netinspect.tracking.copying import discard_copies
from netinspect.tracking.fakes import fake_copy, fake_tensors, needs_values, suit
from netinspect.tracking.gpu import GpuKernels
from netinspect.tracking.largest import MAXIMUM, find_largest
from netinspect.tracking.request import TrackRequest
from netinspect.tracking.threads import InThreads
from netinspect.tracking.workload import infer, train
from netinspect.units import size

_MAXIMUM_LIST = 1024
"""Entries that a list of tensors among the inputs can have; see `InputSpec`."""

Build = Callable[[Any], nn.Module]
"""Makes the model anew, without data, under the mode that it is given."""


def track(
    request: TrackRequest, build: Build, progress: Callable[[str], None] | None = None
) -> Tracking:
    """Track a run, also at other sizes and at the largest batch that fits if that was asked for.

    Args:
        request: What to run.
        build: Makes the model.
        progress: Told what was found out, whenever a run has been tracked.

    Raises:
        LoadError: The model cannot be built, or is not the one that was looked at.
        ForwardError: It fails, or needs values.
        UsageError: The batch is too large for any tensor, or this torch has no such optimizer.
    """
    with preserved_defaults():
        return _track_all(request, build, progress)


def _track_all(request: TrackRequest, build: Build, progress: Callable[[str], None] | None) -> Tracking:
    specs = [parse_spec(text) for text in request.inputs]
    found = _track(request, build, specs, request.options.batch)
    search = None
    if request.options.limit is not None and found.batch is not None:

        def sums(batch: int) -> list[int]:
            run = found if batch == found.batch else _track(request, build, specs, batch)
            there = totals(run, run.allocations, request.options.device)
            if progress is not None:
                progress(f"batch {batch:,}: {size(max(there))}")
            return there

        search = find_largest(sums, request.options.limit, start=found.batch, maximum=_maximum(specs))
    others, failure = _others(request, build, progress)
    return Tracking(track=found, search=search, others=others, failure=failure)


def _others(
    request: TrackRequest, build: Build, progress: Callable[[str], None] | None
) -> tuple[tuple[MemoryTrack, ...], str | None]:
    """Track the run on its other inputs; none of them where one fails, and why."""
    tracks = []
    for texts in request.others:
        inputs = ", ".join(texts)
        try:
            tracks.append(_track(request, build, [*map(parse_spec, texts)], request.options.batch))
        except ForwardError as error:
            return (), f"the run fails on {inputs}: {error.cause or error.message}"
        if progress is not None:
            progress(f"{inputs}: {size(peak_bytes(tracks[-1], request.options.device))}")
    return tuple(tracks), None


def track_live(
    request: TrackRequest, model: nn.Module, progress: Callable[[str], None] | None = None
) -> Tracking:
    """Track runs of copies of a live model, and leave it as it was; see `track`."""
    # What the hooks of a copy refer to, as their closures do, is the original's.
    with preserved(model, closures=True):
        return track(request, lambda mode: fake_copy(model, mode), progress)


def _track(
    request: TrackRequest, build: Build, specs: list[InputSpec], batch: int | None
) -> MemoryTrack:
    specs = [_cast_spec(spec.with_batch(batch), request.options.dtype) for spec in specs]
    with ExitStack() as stack:
        mode = stack.enter_context(fake_tensors())
        stack.callback(discard_copies)
        model = build(mode)
        _check(model, request)
        set_mode(model, request.options.training)
        dtype = request.options.dtype
        suit(model, None if dtype is None else getattr(torch, dtype))
        asked = InputRequest(seed=request.seed)
        arguments = make_arguments(model, [(spec, "") for spec in specs], asked)
        args, kwargs = split(arguments)
        kernels = GpuKernels if request.options.device == "cuda" else nullcontext
        stack.enter_context(kernels())
        wrapped = checkpoint_blocks(model, kernels) if request.options.checkpoint else ()
        tracker = AllocationTracker(model, (args, kwargs), host_steps=request.options.device == "cuda")
        with tracker, in_all_threads(InThreads((mode, tracker))):
            _tell(lambda: _run(request, model, args, kwargs, tracker), model, tracker, batch)
        return MemoryTrack(
            batch=_first_dimension(specs),
            training=request.options.training,
            steps=tuple(tracker.steps),
            allocations=tracker.allocations(),
            wrapped=wrapped,
        )


def _run(
    request: TrackRequest, model: nn.Module, args: Any, kwargs: Any, tracker: AllocationTracker
) -> None:
    def call() -> Any:
        return run_through(run_forward(model, args, kwargs)).output

    if request.options.training:
        with torch.enable_grad():
            train(
                model,
                call,
                request.options.optimizer,
                foreach=request.options.device == "cuda",
                watcher=tracker,
            )
    else:
        # It is held until the run is over, as by whoever asked for it.
        output = infer(call, tracker)
        del output


def _cast_spec(spec: InputSpec, dtype: str | None) -> InputSpec:
    is_floating = spec.literal is None and "float" in spec.dtype
    return spec.with_dtype(dtype) if dtype is not None and is_floating else spec


def _first_dimension(specs: list[InputSpec]) -> int | None:
    for spec in specs:
        if spec.literal is None and (spec.listed or spec.shape):
            return spec.listed or spec.shape[0]
    return None


def _maximum(specs: list[InputSpec]) -> int:
    """A batch that tensors can still be made of."""
    maximum = _MAXIMUM_LIST if any(spec.listed for spec in specs) else MAXIMUM
    while maximum > 2:
        try:
            for spec in specs:
                spec.with_batch(maximum)
        except UsageError:
            maximum //= 2
        else:
            break
    return maximum


def _check(model: nn.Module, request: TrackRequest) -> None:
    """Make sure that this is the model whose inputs were found."""
    wanted = {each.name: each.shape for each in request.parameters}
    if not wanted:
        return
    found = {
        name: tuple(parameter.shape) for name, parameter in named_parameters(model, duplicates=True)
    }
    differing = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if differing:
        raise LoadError(
            f"{request.target} was built anew, and is not the model that was looked at",
            cause=f"{differing[0]} was {wanted.get(differing[0])}, and is {found.get(differing[0])}",
            hint="give the same --arg as for the look, and build no model at random",
        )


def _tell(
    run: Callable[[], Any], model: nn.Module, tracker: AllocationTracker, batch: int | None
) -> None:
    """Run, and tell what goes wrong in words."""
    try:
        run()
    except NetinspectError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the model's own failure is a finding
        raise _told(error, plain_name(type(model)), tracker.steps[-1].phase, batch) from error


def _told(error: BaseException, name: str, phase: str, batch: int | None) -> ForwardError:
    line = raising_line(error)
    text = (message_of(error).strip().splitlines() or [""])[0]
    cause = f"{class_name(type(error))}: {text}"
    if line is not None and line.text:
        cause += f"\nline: {line.text}"
    at = f" with batch {batch}" if batch is not None else ""
    valueless = needs_values(error)
    return ForwardError(
        f"{name} needs values, and its memory is tracked without any"
        if valueless
        else f"{name} failed{at} while its memory was tracked"
        + (f", in {phase}" if phase in ("backward", "optimizer") else ""),
        cause=cause,
        place=f"{line.file}:{line.line}" if line is not None else None,
        hint="what reads values (.item(), an if on a tensor, a mask that selects, nonzero) has no "
        "answer on tensors without data: take it out of forward for this"
        if valueless
        else "netinspect trace shows each step; another --batch or --dtype may be what it takes",
    )
