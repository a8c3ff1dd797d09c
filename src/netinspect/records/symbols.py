"""The sizes that a trace reports as symbols, and what is known of them."""

from __future__ import annotations

from netinspect.records.base import record


@record
class Symbol:
    """A size of the inputs that may be any: the batch `N`, state."""

    name: str
    """What was asked for, such as `batch`."""

    symbol: str
    """What is in shapes, such as `N`."""

    size: int
    """Its size in the trace itself; numbers that are not expressions are of this size."""

    dimensions: tuple[str, ...]
    """The dimensions of the inputs that it is, each as `x:0`."""

    fitted: tuple[int, ...]
    """Sizes of the runs that the expressions were made from."""

    confirmed: int
    """Size of the run that they were checked against."""


@record
class Symbolic:
    """What a trace that was asked for symbols found."""

    symbols: tuple[Symbol, ...]
    """Empty where none could be proved: then all is concrete, and the notes state why."""

    notes: tuple[str, ...]
    """What is not an expression in the symbols, and so is reported for their sizes in this trace."""
