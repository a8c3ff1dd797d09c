"""Tracking session: the run, runs at other sizes, and the largest batch that fits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from netinspect._utils.units import size
from netinspect.analysis.allocation_totals import peak_bytes, totals
from netinspect.errors import ForwardError, UsageError
from netinspect.inputs.spec import MAXIMUM_LIST, InputSpec, parse_spec
from netinspect.memory_tracker.given_arguments import Given
from netinspect.memory_tracker.max_batch import MAXIMUM, find_largest
from netinspect.memory_tracker.request import TrackRequest
from netinspect.memory_tracker.runs import Runs, run_once
from netinspect.memory_tracker.tracked_models import LiveSource, Source
from netinspect.records.memory import MemoryTrack, Tracking
from netinspect.tracing.snapshot.model_snapshot import preserved, preserved_defaults


def track(
    request: TrackRequest,
    source: Source,
    progress: Callable[[str], None] | None = None,
    given: Given | None = None,
) -> Tracking:
    """Track a run, and on request runs at other sizes and at the largest batch that fits.

    Args:
        request: What to run.
        source: Source of the model.
        progress: Receives a line after each tracked run.
        given: Arguments of forward, if the request has no specs.

    Raises:
        LoadError: The model cannot be built, or is not the traced one.
        ForwardError: Forward fails, or needs values and takes too much memory.
        UsageError: The batch is too large for any tensor, or this torch does not have the optimizer.
    """
    with preserved_defaults():
        return _track_all(request, Runs(request, source, given), progress)


def _track_all(request: TrackRequest, runs: Runs, progress: Callable[[str], None] | None) -> Tracking:
    specs = [parse_spec(text) for text in request.run.inputs]
    found = runs.track(specs, request.run.batch)
    search = None
    if request.options.limit is not None and found.batch is not None:

        def sums(batch: int) -> list[int]:
            run = found if batch == found.batch else runs.track(specs, batch)
            at_steps = totals(run, run.allocations, request.options.device)
            if progress is not None:
                progress(f"batch {batch:,}: {size(max(at_steps))}")
            return at_steps

        search = find_largest(sums, request.options.limit, start=found.batch, maximum=_maximum(specs))
    others, failure = _others(request, runs, progress)
    return Tracking(track=found, search=search, others=others, failure=failure)


def _others(
    request: TrackRequest, runs: Runs, progress: Callable[[str], None] | None
) -> tuple[tuple[MemoryTrack, ...], str | None]:
    """Track the run on its other inputs; return no tracks and the reason if one of them fails."""
    tracks = []
    for texts in request.others:
        inputs = ", ".join(texts)
        try:
            tracks.append(runs.track([*map(parse_spec, texts)], request.run.batch))
        except ForwardError as error:
            return (), f"the run fails on {inputs}: {error.cause or error.message}"
        if progress is not None:
            progress(f"{inputs}: {size(peak_bytes(tracks[-1], request.options.device))}")
    return tuple(tracks), None


def track_live(
    request: TrackRequest,
    model: nn.Module,
    progress: Callable[[str], None] | None = None,
    given: Given | None = None,
) -> Tracking:
    """Track runs of copies of a live model, and restore its state; see `track`."""
    # Closures of hooks in a copy refer to objects of the original.
    with preserved(model, closures=True):
        return track(
            request, LiveSource(model, partial(run_once, request, given=given)), progress, given
        )


def _maximum(specs: list[InputSpec]) -> int:
    """Return a batch for which tensors can be created."""
    maximum = MAXIMUM_LIST if any(spec.listed for spec in specs) else MAXIMUM
    while maximum > 2:
        try:
            for spec in specs:
                spec.with_batch(maximum)
        except UsageError:
            maximum //= 2
        else:
            break
    return maximum
