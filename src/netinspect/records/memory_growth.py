"""Records of the memory of a run as expressions in input sizes."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.memory import Phase
from netinspect.records.polynomial import Polynomial


@record
class AmountExpressions:
    """Bytes as expressions in the symbols, without the rounding of an allocator.

    An amount that is not a polynomial is None.
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
    """Position and height of the peak for a range of sizes of the only symbol."""

    first: int
    last: int | None
    """None if the position is the same for all larger sizes."""

    phase: Phase
    iteration: int
    module: str
    operation: str
    expressions: AmountExpressions
