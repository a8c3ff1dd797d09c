"""Record of `memory`: an estimate of the memory that one run takes."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.memory import BatchSearch, Phase
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.records.report_header import ReportHeader


@record
class Amounts:
    """Bytes by category; they add up to the total of the record that contains them."""

    parameters: int
    buffers: int
    inputs: int
    gradients: int
    """Gradients of parameters."""

    optimizer_states: int
    activations: int
    """Tensors made by forward; in training, only those saved for backward."""

    temporaries: int
    """Everything else: tensors freed during forward, gradients of activations, intermediate results of
    the optimizer.
    """


@record
class MemoryPoint:
    """A point of the run: after an operation has allocated its results."""

    index: int
    """Index of the step; 0 is the memory allocated before the run."""

    phase: Phase
    iteration: int
    module: str
    """Path of the module that the operation ran in; empty for the root module, the loss and the
    optimizer.
    """

    operation: str
    total: int
    amounts: Amounts
    expressions: AmountExpressions | None = None
    """The amounts as expressions in the symbols of the trace; None if it has no symbols."""


@record
class MemoryModule:
    """Memory of a module at the peak, without its children."""

    path: str
    class_name: str
    total: int
    amounts: Amounts
    repeat_of: str | None = None
    """Path of the corresponding module in the first of several identical blocks; None for a module that
    has a row of its own."""

    expressions: AmountExpressions | None = None
    """The amounts as expressions in the symbols of the trace; None if it has no symbols."""


@record
class Memory:
    """Estimated memory of a run, tracked without data if possible."""

    name: ClassVar[str] = "memory"

    header: ReportHeader
    batch: int | None
    """Size of the first dimension of the inputs."""

    training: bool
    """True for two training iterations, False for one forward."""

    optimizer: str | None
    dtype: str | None
    """The dtype that the model and floating-point inputs were cast to; None if they were not."""

    allocator: OneOf["cuda", "cpu"]
    """Allocator whose rounding and default optimizer implementation are modelled."""

    steps: int
    """Number of operations that allocated memory, plus one for the memory allocated before the run."""

    peak: MemoryPoint
    timeline: tuple[MemoryPoint, ...]
    """The highest point of each interval of the run, in order; includes the peak."""

    modules: tuple[MemoryModule, ...]
    """Sorted by memory at the peak, largest first; those at one place of identical blocks together."""

    hidden_modules: int
    hidden_bytes: int
    checkpoint: bool
    """Whether recomputing activations in backward was requested."""

    wrapped: tuple[str, ...]
    """Paths of the modules whose activations are recomputed."""

    unfused: tuple[str, ...]
    """Paths of layers tracked step by step, for which a device may use a single kernel."""

    search: BatchSearch | None
    """Search for the largest batch that fits, if requested."""

    peaks: tuple[PeakRange, ...] = ()
    """The peak for each range of the symbol, in order; empty unless there is exactly one symbol."""

    top: int | None = None
    """Largest number of rows of modules; 0 for all, and None for all, of which people see five."""

    fold: bool = True
    """Whether people see the largest modules and one line for the timeline, or every row."""
