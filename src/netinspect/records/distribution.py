"""Records of the values of a tensor: statistics, distribution and anomalies."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import Number, record


@record
class Statistics:
    """Statistics of a tensor's finite elements, and counts over all elements."""

    mean: Number | None
    """None if no element is finite, or the dtype is not a number."""

    std: Number | None
    """Sample standard deviation (n - 1), as `Tensor.std`; None below two finite elements."""

    min: Number | None
    max: Number | None
    zeros: int
    nan: int
    inf: int


@record
class Distribution:
    """Quantiles and histogram of a tensor's finite elements.

    They are computed from a sample of `elements` elements, one from each of as many equal stretches of
    the tensor. If the sample is not the whole tensor, quantiles are approximate: in 19 of 20 cases the
    share of elements below the median is within 0.8 percentage points of the nominal one, and for the
    1 % and 99 % quantiles within 0.2.
    """

    elements: int
    """Number of finite elements in the sample."""

    exact: bool
    """True if the sample is all finite elements."""

    q01: Number
    """1 % quantile, interpolated linearly between elements, as by `torch.quantile`."""

    q25: Number
    median: Number
    q75: Number
    q99: Number

    bars: tuple[int, ...]
    """Number of elements in each of several bins of equal width from `low` to `high`. The first and the
    last bin also contain the elements beyond these. Empty if all elements are equal."""

    low: Number
    """The 1 % quantile; the minimum if the 1 % and 99 % quantiles are equal."""

    high: Number


@record
class ValueSummary:
    """Summary of the values of one tensor."""

    statistics: Statistics | None = None
    """None if the values cannot be read."""

    distribution: Distribution | None = None
    """None without finite elements, or if they are complex."""

    constant: bool = False
    """True if there are several elements, all of the same finite value."""

    not_read: str = ""
    """Reason why the values cannot be read; empty if they can."""


@record
class Finding:
    """Tensors with the same anomaly."""

    kind: OneOf["not finite", "large", "all zero", "constant", "copies", "near copies", "not read"]
    tensors: int
    names: tuple[str, ...]
    """The first few names; for copies, the first few of one group."""

    detail: str = ""
    """Reason why values were not read; for large values the largest magnitude; for near copies their
    root mean square difference divided by their standard deviation."""
