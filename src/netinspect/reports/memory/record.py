"""What `memory` finds."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.memory import BatchSearch, Phase
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.records.report_header import ReportHeader


@record
class Amounts:
    """Bytes by what they are for; they add up to the total beside them."""

    parameters: int
    buffers: int
    inputs: int
    gradients: int
    """Of parameters."""

    optimizer_states: int
    activations: int
    """What forward made; in training, only what backward needs of it."""

    temporaries: int
    """All else: what forward drops again, gradients of activations, an optimizer's intermediate
    results."""


@record
class MemoryPoint:
    """One moment of the run: after an operation has allocated its results."""

    index: int
    """Of the step, from 0, which is what was there before."""

    phase: Phase
    iteration: int
    module: str
    """Path of the module that the operation ran for; empty for the model itself, the loss and the
    optimizer."""

    operation: str
    total: int
    amounts: Amounts
    expressions: AmountExpressions | None = None
    """The amounts in the symbols of the look; None where it has none."""


@record
class MemoryModule:
    """What one module holds at the peak: its own, not its children's."""

    path: str
    class_name: str
    total: int
    amounts: Amounts
    expressions: AmountExpressions | None = None
    """The amounts in the symbols of the look; None where it has none."""


@record
class Memory:
    """The memory that a run would take: an estimate, tracked on tensors without data if possible."""

    name: ClassVar[str] = "memory"

    header: ReportHeader
    batch: int | None
    """First dimension of the inputs."""

    training: bool
    """Two iterations of training, else one forward."""

    optimizer: str | None
    dtype: str | None
    """What model and floating inputs were cast to; None where they were left as they are built."""

    allocator: OneOf["cuda", "cpu"]
    """Whose rounding of allocations and whose way of the optimizer's step were followed."""

    steps: int
    """Number of operations that allocated something, and one for what was there before."""

    peak: MemoryPoint
    timeline: tuple[MemoryPoint, ...]
    """The highest point of each stretch of the run, in order; the peak is one of them."""

    modules: tuple[MemoryModule, ...]
    """From the one that holds the most at the peak."""

    hidden_modules: int
    hidden_bytes: int
    checkpoint: bool
    """Whether activations were to be recomputed in backward."""

    wrapped: tuple[str, ...]
    """Paths of the modules that recomputed theirs."""

    unfused: tuple[str, ...]
    """Paths of the layers that were tracked step by step, where a device may have one kernel for all."""

    search: BatchSearch | None
    """The largest batch that fits, where one was asked for."""

    peaks: tuple[PeakRange, ...] = ()
    """The peak for any size of the symbol, in order; empty where there is none, or more than one."""
