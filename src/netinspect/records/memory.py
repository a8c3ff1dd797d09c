"""Records of a memory track: allocations of one run with their lifetimes and origins."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record

Phase = OneOf["start", "forward", "backward", "optimizer"]
Kind = OneOf["parameter", "buffer", "input", "gradient", "optimizer_state", "made"]


@record
class MemoryStep:
    """One operation that allocated memory; the first step stands for all memory allocated before."""

    phase: Phase
    iteration: int
    """Training iteration, from 1; inference has one. 0 for the first step."""

    module: str
    """Path of the module in whose forward or backward it ran; empty for the model itself, the loss and
    the optimizer."""

    operation: str
    """torch's name without its overload, such as `aten.convolution`; empty for the first step."""


@record
class Allocation:
    """One storage: memory that one or more tensors share."""

    bytes: int
    """Bytes that torch requests, without the rounding of an allocator."""

    kind: Kind
    """Purpose of the memory; `made` is any output or temporary of an operation."""

    born: int
    """Index of the step that allocated it."""

    died: int | None
    """Index of the last step before it was freed; None if it was never freed."""

    module: str
    """Path of the module that it belongs to, or that allocated it."""

    recomputed: bool = False
    """Allocated by a forward that ran again during backward."""


@record
class MemoryTrack:
    """All allocations of one tracked run."""

    batch: int | None
    """First dimension of the inputs; None if they have none."""

    training: bool
    steps: tuple[MemoryStep, ...]
    allocations: tuple[Allocation, ...]
    wrapped: tuple[str, ...] = ()
    """Paths of the modules whose activations were checkpointed."""

    tensor_mode: str = "fake"
    """The tensors that the model ran on; see `Trace.tensor_mode`."""

    reason: str = ""
    """Reason why the tensors were not fake, or how the model was changed to run without values."""


@record
class BatchProbe:
    """Peak memory at one batch size."""

    batch: int
    bytes: int


@record
class BatchSearch:
    """A search for the largest batch that fits into memory, and its result."""

    limit: int
    """Available bytes."""

    probes: tuple[BatchProbe, ...]
    """Every batch size that was tracked, in order."""

    found: int | None
    """The largest batch size that fits; it and the next larger one were tracked. 0 if not even 1 fits;
    None if no batch size is too large."""

    method: OneOf["line", "bisection"]
    """Search method: a line through two batch sizes, or bisection of a range."""


@record
class Tracking:
    """Result of memory tracking in a child process."""

    track: MemoryTrack
    search: BatchSearch | None
    others: tuple[MemoryTrack, ...] = ()
    """The same run on the other inputs of the request, in their order; empty if one of them failed."""

    failure: str | None = None
    """Reason why a run on the other inputs failed."""
