"""Mean, standard deviation, extremes and counts of values that are read in pieces.

Values are summed as differences from a number near their mean, so that a large mean does not cost
precision. Pieces are merged by Chan's formula, which does not suffer from cancellation either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netinspect.checkpoints.values.dtypes import Array
from netinspect.checkpoints.values.summation import dot, scale_for, total
from netinspect.records.distribution import Statistics

_LARGE = {"f4": 1e15, "f8": 1e150}
"""Sums of squares are finite for smaller values and precise for values larger than the inverse."""

_FEW = 1024
_FAR = 1 / 16
"""Maximum share of the offset from the mean in the sum of squares around a number: below it, the
squares around the mean are nearly as precise.
"""


@dataclass
class Moments:
    """Statistics of some elements; mean and squares are those of finite elements."""

    finite: int = 0
    mean: float = 0.0
    """In units of `scale`, as the squares."""

    squares: float = 0.0
    """Sum of the squared distances from the mean."""

    low: float = math.inf
    high: float = -math.inf
    zeros: int = 0
    nan: int = 0
    inf: int = 0
    scale: float = 1.0
    """Factor by which values were multiplied for mean and squares."""

    def add(self, other: Moments) -> None:
        """Merge the statistics of other elements."""
        joined = self.finite + other.finite
        if other.finite:
            shift = other.mean - self.mean
            self.squares += other.squares + shift * shift * self.finite * (other.finite / joined)
            self.mean += shift * (other.finite / joined)
        self.finite = joined
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.zeros += other.zeros
        self.nan += other.nan
        self.inf += other.inf
        self.scale = other.scale

    @property
    def near(self) -> float:
        """Number to subtract from further values before summing them: 0, or the mean so far."""
        is_small = self.mean * self.mean * self.finite <= self.squares * _FAR
        return 0.0 if is_small else self.mean

    @property
    def better_scale(self) -> float:
        """Power of two by which values are scaled so that their squares are finite; usually `scale`."""
        largest = max(abs(self.low), abs(self.high))
        width = self.high - self.low
        if not self.finite or not width or (1 / _LARGE["f8"] < width and largest < _LARGE["f8"]):
            return self.scale
        return scale_for(largest)

    def statistics(self) -> Statistics:
        """Return the record."""
        std = None
        if self.finite > 1:
            std = math.sqrt(self.squares / (self.finite - 1)) / self.scale
        # Rounding may move the mean of equal values outside their range.
        mean = min(max(self.mean / self.scale, float(self.low)), float(self.high))
        return Statistics(
            mean=mean if self.finite else None,
            std=std,
            min=float(self.low) if self.finite else None,
            max=float(self.high) if self.finite else None,
            zeros=self.zeros,
            nan=self.nan,
            inf=self.inf,
        )


def moments(x: Array, near: float, scale: float) -> Moments:
    """Summarize floats.

    Args:
        x: Non-empty flat array of floats; may be overwritten.
        near: A number that is probably near their mean; see `Moments.near`.
        scale: Power of two by which values are multiplied; differs from 1 only if their squares would
            not be finite.
    """
    low, high = float(np.minimum.reduce(x)), float(np.maximum.reduce(x))
    largest = max(-low, high)
    safe = _LARGE[x.dtype.str[1:]]
    # NaN propagates to the extremes and fails every comparison.
    if scale == 1 and largest < safe and (low == high or high - low > 1 / safe):
        return _ordinary(x, low, high, near)
    return _any(x.astype("f8"), scale)


def _ordinary(x: Array, low: float, high: float, near: float) -> Moments:
    size = len(x)
    if low == high:
        return Moments(finite=size, mean=low, low=low, high=high, zeros=0 if low else size)
    zeros = int(np.count_nonzero(x == 0)) if low <= 0 <= high else 0
    base = 0.0
    if near and low <= near <= high:
        base = float(x.dtype.type(near))
        np.subtract(x, x.dtype.type(base), out=x)
    shift, squares = total(x) / size, dot(x, x)
    for _ in range(3):  # bounded, in case rounding prevents convergence
        if shift * shift * size <= squares * _FAR:
            break
        # The offset dominates the squares: they determine the mean but not the deviation from it.
        more = x.dtype.type(shift)
        np.subtract(x, more, out=x)
        base += float(more)
        shift, squares = total(x) / size, dot(x, x)
    return Moments(
        finite=size,
        mean=base + shift,
        squares=max(0.0, squares - shift * shift * size),
        low=low,
        high=high,
        zeros=zeros,
    )


def _any(x: Array, scale: float) -> Moments:
    zeros = int(np.count_nonzero(x == 0))
    nan = int(np.count_nonzero(np.isnan(x)))
    finite = x[np.isfinite(x)]
    found = Moments(zeros=zeros, nan=nan, inf=len(x) - nan - len(finite), scale=scale)
    if not len(finite):
        return found
    found.finite = len(finite)
    found.low, found.high = float(finite.min()), float(finite.max())
    finite *= scale
    base = float(finite[:_FEW].mean())
    finite -= base
    shift = total(finite) / len(finite)
    finite -= shift
    rest = total(finite) / len(finite)
    found.mean = base + shift + rest
    found.squares = max(0.0, dot(finite, finite) - rest * rest * len(finite))
    return found


def moments_of_integers(x: Array) -> Moments:
    """Summarize integers; extremes and zeros are exact, the rest has the precision of float64."""
    found = moments(x.astype("f8"), 0.0, 1.0)
    found.low, found.high = int(x.min()), int(x.max())
    return found


def moments_of_counts(counts: Array, values: Array) -> Moments:
    """Summarize elements from the number of occurrences of each value.

    Args:
        counts: Numbers of elements.
        values: The value of each, as float64.
    """
    nan, inf = np.isnan(values), np.isinf(values)
    held = np.isfinite(values) & (counts > 0)
    found = Moments(
        zeros=int(counts[values == 0].sum()), nan=int(counts[nan].sum()), inf=int(counts[inf].sum())
    )
    numbers, held_values = counts[held], values[held]
    if len(numbers):
        found.finite = int(numbers.sum())
        base = float(held_values[0])
        away = held_values - base
        shift = float((numbers * away).sum()) / found.finite
        found.mean = base + shift
        found.squares = float((numbers * (away - shift) ** 2).sum())
        found.low, found.high = float(held_values.min()), float(held_values.max())
    return found


def count_complex(x: Array) -> Moments:
    """Count NaN, infinite and zero elements of complex numbers, given as pairs of floats."""
    pairs = x.reshape(-1, 2)
    return Moments(
        zeros=int(np.count_nonzero((pairs == 0).all(axis=1))),
        nan=int(np.count_nonzero(np.isnan(pairs).any(axis=1))),
        inf=int(np.count_nonzero(np.isinf(pairs).any(axis=1))),
    )
