"""Quantiles and histogram of a tensor, from a sample of its elements or from counts of its values.

A large tensor is divided into equal ranges, and one element is drawn from each by a fixed pseudo-random
sequence. No row or column of a matrix is preferred, and the result for a file is reproducible.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netinspect.records.distribution import Distribution

Array = NDArray[Any]

SAMPLE = 1 << 14
"""Maximum number of sampled elements."""

BARS = 12
_QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
_PARTS = [number / BARS for number in range(1, BARS)]


@functools.cache
def _fractions() -> Array:
    """Return pseudo-random numbers in [0, 1) from the mixing steps of SplitMix64."""
    x = np.arange(1, SAMPLE + 1, dtype="u8") * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    fractions: Array = ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    return fractions


@functools.lru_cache(maxsize=8)
def sample_places(elements: int) -> Array:
    """Return the ascending indices of the sampled elements: all, or `SAMPLE` of them."""
    if elements <= SAMPLE:
        return np.arange(elements)
    starts = np.arange(SAMPLE + 1) * elements // SAMPLE
    places: Array = starts[:-1] + (_fractions() * np.diff(starts)).astype("i8")
    return places


def distribution_of_sample(sample: Array, elements: int) -> Distribution | None:
    """Return the distribution of a sample.

    Args:
        sample: The values, possibly not finite; overwritten.
        elements: Number of finite elements of the tensor.

    Returns:
        The distribution, or None if no value is finite.
    """
    if len(sample) and not math.isfinite(float(sample.min()) + float(sample.max())):
        sample = sample[np.isfinite(sample)]
    if not len(sample):
        return None
    sample.sort()
    return _distribution(
        lambda rank: float(sample[rank]),
        lambda edges: np.searchsorted(sample, edges.astype(sample.dtype)),
        len(sample),
        elements,
    )


def distribution_of_counts(counts: Array, values: Array) -> Distribution | None:
    """Return the distribution from the counts of values, or None if no value is finite."""
    held = np.isfinite(values) & (counts > 0)
    order = np.argsort(values[held])
    values, above = values[held][order], np.cumsum(counts[held][order])
    if not len(values):
        return None
    return _distribution(
        lambda rank: float(values[np.searchsorted(above, rank, side="right")]),
        lambda edges: np.concatenate(([0], above))[np.searchsorted(values, edges)],
        int(above[-1]),
        int(above[-1]),
    )


def _distribution(
    value_at: Callable[[int], float],
    number_below: Callable[[Array], Array],
    sampled: int,
    elements: int,
) -> Distribution:
    """Build the record.

    Args:
        value_at: Returns the value with a rank, counted from 0.
        number_below: Returns how many values are smaller than each of some numbers.
        sampled: Number of values.
        elements: Number of finite elements of the tensor.
    """

    def quantile(share: float) -> float:
        weight, rank = math.modf(share * (sampled - 1))
        first, second = value_at(int(rank)), value_at(min(int(rank) + 1, sampled - 1))
        # This form cannot overflow, and its result is between the two values.
        return min(max(first * (1 - weight) + second * weight, first), second)

    q01, q25, median, q75, q99 = (quantile(share) for share in _QUANTILES)
    low, high = (q01, q99) if q01 < q99 else (value_at(0), value_at(sampled - 1))
    bars: tuple[int, ...] = ()
    if low < high:
        edges = np.array([low * (1 - part) + high * part for part in _PARTS])
        inner = [0, *number_below(edges).tolist(), sampled]
        bars = tuple(after - before for before, after in itertools.pairwise(inner))
    return Distribution(
        elements=sampled,
        exact=sampled == elements,
        q01=q01,
        q25=q25,
        median=median,
        q75=q75,
        q99=q99,
        bars=bars,
        low=low,
        high=high,
    )
