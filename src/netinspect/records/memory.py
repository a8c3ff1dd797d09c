"""The memory of one run as it was tracked: what was allocated, when, by what, and until when."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record

Phase = OneOf["start", "forward", "backward", "optimizer"]
Kind = OneOf["parameter", "buffer", "input", "gradient", "optimizer_state", "made"]


@record
class MemoryStep:
    """One operation that allocated something; the first stands for all that was there before."""

    phase: Phase
    iteration: int
    """Of training, from 1; inference has one. 0 for what was there before."""

    module: str
    """Path of the module that it ran for: whose forward it was in, or whose backward; empty for the
    model itself, and for the loss and the optimizer."""

    operation: str
    """torch's name without its overload, such as `aten.convolution`; empty for the first step."""


@record
class Allocation:
    """One storage: memory that one or more tensors share."""

    bytes: int
    """As torch asks for it; no allocator's rounding."""

    kind: Kind
    """What it turned out to be: `made` is whatever an operation made for a while."""

    born: int
    """Index of the step that made it."""

    died: int | None
    """Index of the last step that it was there at; None if it was there at the end."""

    module: str
    """Path of the module that it belongs to, or that made it."""

    recomputed: bool = False
    """Made by a forward that ran again within backward."""


@record
class MemoryTrack:
    """All that one tracked run allocated."""

    batch: int | None
    """First dimension of the inputs; None if they have none."""

    training: bool
    steps: tuple[MemoryStep, ...]
    allocations: tuple[Allocation, ...]
    wrapped: tuple[str, ...] = ()
    """Paths of the modules whose activations were checkpointed."""

    lane: str = "fake"
    """What its tensors were; see `Trace.tensor mode`."""

    reason: str = ""
    """Why they were not fake ones; or how the model differed from what runs with values."""


@record
class BatchProbe:
    """The peak at one batch."""

    batch: int
    bytes: int


@record
class BatchSearch:
    """How the largest batch was looked for that fits."""

    limit: int
    """Bytes that there are."""

    probes: tuple[BatchProbe, ...]
    """Every batch that was tracked, in order of the tries."""

    found: int | None
    """The largest that fits, tracked itself as was the next larger; 0 where not even one does; None
    where none is too large."""

    method: OneOf["line", "bisection"]
    """Whether a line through two batches reported it, or halving a range."""


@record
class Tracking:
    """What the run in a process of its own comes back with."""

    track: MemoryTrack
    search: BatchSearch | None
    others: tuple[MemoryTrack, ...] = ()
    """The same run on the other inputs of the request, in their order; empty where one failed."""

    failure: str | None = None
    """Why that one failed."""
