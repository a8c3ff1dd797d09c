"""Quantiles and bars of a tensor, from some thousand of its elements or from counts of its values.

The elements that stand for a large tensor are drawn one from each of as many equal stretches of it, by
numbers that look random and are always the same: no column or row of a matrix is preferred, and the same
file gives the same quantiles.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np

from netinspect.checkpoints.values.dtypes import Array
from netinspect.records.distribution import Distribution

SAMPLE = 1 << 14
"""Most elements that are looked at."""

BARS = 12
_QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
_PARTS = [number / BARS for number in range(1, BARS)]


@functools.cache
def _fractions() -> Array:
    """Numbers from 0 to below 1, by the mixing steps of SplitMix64."""
    x = np.arange(1, SAMPLE + 1, dtype="u8") * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    fractions: Array = ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    return fractions


@functools.lru_cache(maxsize=8)
def sample_places(elements: int) -> Array:
    """Return the ascending numbers of the elements that stand for so many: all, or `SAMPLE` of them."""
    if elements <= SAMPLE:
        return np.arange(elements)
    starts = np.arange(SAMPLE + 1) * elements // SAMPLE
    places: Array = starts[:-1] + (_fractions() * np.diff(starts)).astype("i8")
    return places


def distribution_of_sample(sample: Array, elements: int) -> Distribution | None:
    """Tell the spread of a sample.

    Args:
        sample: The values, not all of them finite; it is written to.
        elements: How many finite ones the tensor has.

    Returns:
        None where none of them is finite.
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
    """Tell the spread of elements by how often each value occurs; None where none is finite."""
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
    looked_at: int,
    elements: int,
) -> Distribution:
    """Make the record.

    Args:
        value_at: Gives the value with a rank, counted from 0.
        number_below: Tells how many are smaller than some numbers.
        looked_at: How many there are.
        elements: How many finite ones the tensor has.
    """

    def quantile(share: float) -> float:
        weight, rank = math.modf(share * (looked_at - 1))
        first, second = value_at(int(rank)), value_at(min(int(rank) + 1, looked_at - 1))
        # So written, it cannot leave the floats, nor the two values.
        return min(max(first * (1 - weight) + second * weight, first), second)

    q01, q25, median, q75, q99 = (quantile(share) for share in _QUANTILES)
    low, high = (q01, q99) if q01 < q99 else (value_at(0), value_at(looked_at - 1))
    bars: tuple[int, ...] = ()
    if low < high:
        edges = np.array([low * (1 - part) + high * part for part in _PARTS])
        inner = [0, *number_below(edges).tolist(), looked_at]
        bars = tuple(after - before for before, after in itertools.pairwise(inner))
    return Distribution(
        elements=looked_at,
        exact=looked_at == elements,
        q01=q01,
        q25=q25,
        median=median,
        q75=q75,
        q99=q99,
        bars=bars,
        low=low,
        high=high,
    )
