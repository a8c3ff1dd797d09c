"""How the values of a stored tensor are spread, and what stands out among all of a checkpoint."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.tensors import Statistics


@record
class Distribution:
    """Quantiles of a tensor's finite elements, and a bar chart of them.

    They are those of `elements` of them, each from another of as many equal stretches of the tensor.
    Where that is not all of them, a quantile is approximate: the share of elements below it is within
    0.8 percentage points of the nominal one for the median, and within 0.2 for 1 % and 99 %, in 19 of 20
    cases.
    """

    elements: int
    """How many finite elements were traced."""

    exact: bool
    """Whether those are all."""

    q01: float
    """1 % quantile; between elements it is interpolated linearly, as `torch.quantile` does."""

    q25: float
    median: float
    q75: float
    q99: float

    bars: tuple[int, ...]
    """How many of them are in each of some cells of equal width from `low` to `high`. What is beyond
    those is in the first and the last cell. Empty where all are equal."""

    low: float
    """The 1 % quantile; the minimum where that is the same as the 99 % quantile."""

    high: float


@record
class ValueSummary:
    """What was found in the values of one stored tensor."""

    statistics: Statistics | None = None
    """None if the values cannot be read."""

    distribution: Distribution | None = None
    """None if there is no finite element, or where they are complex."""

    constant: bool = False
    """Whether it has several elements, which are all the same finite value."""

    not_read: str = ""
    """Why its values cannot be read; empty where they can."""


@record
class Finding:
    """Tensors that have one thing in common which is seldom meant."""

    kind: OneOf["not finite", "all zero", "constant", "copies", "near copies", "not read"]
    tensors: int
    names: tuple[str, ...]
    """The first few of them; of copies, the first few of one group."""

    detail: str = ""
    """Why they were not read; of near copies the root of their mean squared difference, divided by their
    standard deviation."""
