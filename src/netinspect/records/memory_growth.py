"""Memory of a run as expressions in input sizes."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.memory import Phase
from netinspect.records.polynomial import Polynomial


@record
class AmountExpressions:
    """Bytes for any size of the symbols, as torch asks for them: no allocator's rounding.

    None if one is not a polynomial.
    """

    parameters: Polynomial | None
    buffers: Polynomial | None
    inputs: Polynomial | None
    gradients: Polynomial | None
    optimizer_states: Polynomial | None
    activations: Polynomial | None
    temporaries: Polynomial | None
    total: Polynomial | None


@record
class PeakRange:
    """Where the peak is for some sizes of the only symbol, and how high."""

    first: int
    last: int | None
    """None if no larger size has it elsewhere."""

    phase: Phase
    iteration: int
    module: str
    operation: str
    expressions: AmountExpressions
