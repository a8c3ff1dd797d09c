"""The sizes that a look tells as symbols, and what is known of them."""

from __future__ import annotations

from netinspect.records.base import record


@record
class Symbol:
    """A size of the inputs that may be any: the batch `N`, say."""

    name: str
    """What was asked for, such as `batch`."""

    symbol: str
    """What stands in shapes, such as `N`."""

    size: int
    """Its size in the look itself; numbers that are no expressions are of this size."""

    dimensions: tuple[str, ...]
    """The dimensions of the inputs that it is, each as `x:0`."""

    fitted: tuple[int, ...]
    """Sizes of the runs that the expressions were made from."""

    confirmed: int
    """Size of the run that they were held against."""


@record
class Symbolic:
    """What a look that was asked for symbols found."""

    symbols: tuple[Symbol, ...]
    """Empty where none could be proved: then all is concrete, and the notes say why."""

    notes: tuple[str, ...]
    """What is no expression in the symbols, and so is told for their sizes in this look."""
