"""Mean, spread, extremes and counts of values that come in pieces.

Of each piece the values are summed as they differ from a number that is near their mean, so that a large
mean costs no digits; pieces are joined by Chan's formula, which does not cancel either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netinspect.checkpoints.values.dtypes import Array
from netinspect.checkpoints.values.summation import dot, total
from netinspect.records.tensors import Statistics

_LARGE = {"f4": 1e15, "f8": 1e150}
"""Squares of what is smaller have finite sums, and of what is larger than its inverse, precise ones."""

_FEW = 1024
_FAR = 1 / 16
"""The largest share of the squares of differences from a number that may tell how far that is from the
mean: what is left is then nearly as precise as they are."""


@dataclass
class Moments:
    """What is known of some elements; means and squares are of the finite ones."""

    finite: int = 0
    mean: float = 0.0
    """In units of `scale`, as the squares are."""

    squares: float = 0.0
    """Sum of the squared distances from the mean."""

    low: float = math.inf
    high: float = -math.inf
    zeros: int = 0
    nan: int = 0
    inf: int = 0
    scale: float = 1.0
    """What values were multiplied by for means and squares."""

    def add(self, other: Moments) -> None:
        """Take in what is known of other elements."""
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
        """A number that further values are well summed as they differ from: 0, or the mean so far."""
        is_small = self.mean * self.mean * self.finite <= self.squares * _FAR
        return 0.0 if is_small else self.mean

    @property
    def better_scale(self) -> float:
        """The power of two that brings values to where their squares are floats; mostly `scale`."""
        largest = max(abs(self.low), abs(self.high))
        width = self.high - self.low
        if not self.finite or not width or (1 / _LARGE["f8"] < width and largest < _LARGE["f8"]):
            return self.scale
        # 2^1074 is no float; halfway is enough for squares.
        return math.ldexp(1.0, max(-1000, min(1000, -math.frexp(largest)[1])))

    def statistics(self) -> Statistics:
        """Return the record."""
        std = None
        if self.finite > 1:
            std = math.sqrt(self.squares / (self.finite - 1)) / self.scale
        # Rounding may lead a mean of equal values out of them.
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
    """Summarise floats.

    Args:
        x: A flat array of floats, not empty; it may be written to.
        near: What is likely to be near their mean, or as good as that; see `Moments.near`.
        scale: A power of two that values are multiplied by; other than 1 only where squares of them
            would be no floats.
    """
    low, high = float(np.minimum.reduce(x)), float(np.maximum.reduce(x))
    largest = max(-low, high)
    safe = _LARGE[x.dtype.str[1:]]
    # NaN comes through extremes, and fails every comparison.
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
    for _ in range(3):  # at most, lest rounding holds it up
        if shift * shift * size <= squares * _FAR:
            break
        # Too much of the squares tells where the mean is, and not how far from it values are.
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
    """Summarise integers; their extremes and zeros are exact, the rest as that of float64."""
    found = moments(x.astype("f8"), 0.0, 1.0)
    found.low, found.high = int(x.min()), int(x.max())
    return found


def moments_of_counts(counts: Array, values: Array) -> Moments:
    """Summarise elements by how often each value occurs.

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
    """Count what can be counted of complex numbers, given as pairs of floats."""
    pairs = x.reshape(-1, 2)
    return Moments(
        zeros=int(np.count_nonzero((pairs == 0).all(axis=1))),
        nan=int(np.count_nonzero(np.isnan(pairs).any(axis=1))),
        inf=int(np.count_nonzero(np.isinf(pairs).any(axis=1))),
    )
