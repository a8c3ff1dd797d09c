"""Records of the input sizes that a trace reports as symbols."""

from __future__ import annotations

from netinspect.records.base import record


@record
class Symbol:
    """A variable size of the inputs, such as the batch size `N`."""

    name: str
    """Name in the request, such as `batch`."""

    symbol: str
    """Symbol in shapes, such as `N`."""

    size: int
    """Size in the trace itself; numbers that are not expressions are for this size."""

    dimensions: tuple[str, ...]
    """The dimensions of inputs that have this size, each as `x:0`."""

    fitted: tuple[int, ...]
    """Sizes of the runs that the expressions were fitted to."""

    confirmed: int
    """Size of the run that the expressions were checked against."""


@record
class Symbolic:
    """The result of a request for symbols."""

    symbols: tuple[Symbol, ...]
    """Confirmed symbols. If empty, all sizes are numbers, and the notes give the reason."""

    notes: tuple[str, ...]
    """Notes on amounts that are not expressions, and are reported for the sizes of this trace."""
