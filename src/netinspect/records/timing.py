"""The `Timing` record: times of one model, in a document of its own that refers to a trace.

Times differ between machines and runs, and a trace does not: so no time is part of a `Trace`.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import Number, field_names, record
from netinspect.records.codec import CodecError
from netinspect.records.saved import dump_trace
from netinspect.records.trace import Trace, Versions


@record
class Times:
    """Durations in seconds, one of each kind for each repeat, in the order of the repeats."""

    wall: tuple[Number, ...]
    cpu: tuple[Number, ...] = ()
    """CPU time of the thread that ran forward, or of the process if several threads computed; empty if
    not measured."""

    device: tuple[Number, ...] = ()
    """Time in which the device was busy; empty if not measured, as on a CPU."""


@record
class StepTimes:
    """Times of one step, from its beginning to its end, including nested steps."""

    step: int
    """`Step.index` in the trace."""

    times: Times


@record
class Timing:
    """Repeated runs of the model of one trace, with the same inputs."""

    schema: ClassVar[str] = "netinspect-timing"
    schema_version: ClassVar[int] = 1

    trace: str
    """Digest of the trace, from `digest`."""

    versions: Versions
    device: str
    """Device that ran forward, such as `cpu` or `cuda:0`."""

    device_name: str
    """Name of the processor, as the system or torch reports it."""

    threads: int
    """Number of threads that torch computed with on the CPU."""

    method: OneOf["clocks", "profiler"]
    """Measurement of the steps: clocks read where they begin and end, or `torch.profiler`."""

    discarded: int
    """Number of runs before the first repeat, to warm up."""

    whole: Times
    """Times of the model in runs in which steps were not measured."""

    instrumented: Times
    """Times of the model in the runs in which steps were measured. Time that no step accounts for was
    spent between the steps."""

    steps: tuple[StepTimes, ...]
    """Times of each measured step; the repeats are those of `instrumented`."""


def digest(trace: Trace) -> str:
    """Return the SHA-256 digest of a saved trace, in hexadecimal; equal traces have equal digests."""
    return hashlib.sha256(dump_trace(trace).encode("ascii")).hexdigest()


def check_timing(timing: Timing, trace: Trace) -> None:
    """Check that a timing belongs to a trace, and that its times are complete.

    Raises:
        CodecError: It does not; the message has the path of the faulty entry.
    """
    if timing.trace != (expected := digest(trace)):
        raise CodecError(f"Timing.trace: expected {expected}, got {timing.trace} of another trace")
    _check_times("Timing.whole", timing.whole, len(timing.whole.wall))
    repeats = len(timing.instrumented.wall)
    _check_times("Timing.instrumented", timing.instrumented, repeats)
    for index, each in enumerate(timing.steps):
        spot = f"Timing.steps[{index}]"
        if not 0 <= each.step < len(trace.steps):
            raise CodecError(f"{spot}.step: there is no {each.step}")
        if index and each.step <= timing.steps[index - 1].step:
            raise CodecError(f"{spot}.step: {each.step} is not after the step before it")
        _check_times(f"{spot}.times", each.times, repeats)


def _check_times(spot: str, times: Times, repeats: int) -> None:
    for name in field_names(Times):
        seconds = getattr(times, name)
        if len(seconds) != repeats and (seconds or name == "wall"):
            raise CodecError(f"{spot}.{name}: expected {repeats} times, got {len(seconds)}")
        if not all(0 <= each < float("inf") for each in seconds):
            raise CodecError(f"{spot}.{name}: a time is not a finite number of seconds")
