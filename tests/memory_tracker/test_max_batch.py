"""Tests of the search for the largest batch, on functions instead of models."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netinspect.memory_tracker.max_batch import MAXIMUM, find_largest
from netinspect.records.memory import BatchSearch


def searched(peak: Callable[[int], int], limit: int, start: int) -> BatchSearch:
    search = find_largest(lambda batch: [peak(batch)], limit, start=start)
    sizes = {probe.batch: probe.bytes for probe in search.probes}
    assert all(sizes[batch] == peak(batch) for batch in sizes)
    if search.found:
        # It fits, the next does not, and both were tracked.
        assert sizes[search.found] <= limit < sizes[search.found + 1]
    elif search.found == 0:
        assert sizes[1] > limit
    else:
        assert sizes[MAXIMUM] <= limit
    return search


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9), st.integers(1, 10**7), st.integers(1, 10**12), st.integers(1, 4096))
def test_find_largest_of_linear_growth_uses_lines(
    fixed: int, slope: int, limit: int, start: int
) -> None:
    search = searched(lambda batch: fixed + slope * batch, limit, start)
    exact = (limit - fixed) // slope
    assert search.found == (None if exact >= MAXIMUM else max(0, exact))
    if start <= exact < MAXIMUM - 1:
        assert search.method == "line"
        assert len(search.probes) <= 6


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=1, max_size=5),
    st.integers(1, 10**11),
    st.integers(1, 1000),
    st.sampled_from([1, 512, 100_000]),
)
def test_find_largest_of_any_growth(
    lines: list[tuple[int, int]], limit: int, start: int, block: int
) -> None:
    """The peak is the largest of several sums, rounded up."""

    def peak(batch: int) -> int:
        return max(-(-(fixed + slope * batch) // block) * block for fixed, slope in lines)

    search = searched(peak, limit, start)
    assert len(search.probes) < 60


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(2, 10**6), st.integers(1, 4096))
def test_find_largest_of_stepwise_growth_uses_bisection(leap: int, start: int) -> None:
    search = searched(lambda batch: 1 + 10 * (batch >= leap), 5, start)
    assert search.found == leap - 1


def test_find_largest_without_growth_finds_none() -> None:
    search = searched(lambda batch: 100, 200, 8)
    assert search.found is None


def test_find_largest_when_one_does_not_fit() -> None:
    assert searched(lambda batch: 100 + batch, 50, 8).found == 0


def test_find_largest_does_not_exceed_maximum() -> None:
    search = find_largest(lambda batch: [batch], 10**9, start=8, maximum=1000)
    assert search.found is None
    assert max(probe.batch for probe in search.probes) == 1000


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=1, max_size=20),
    st.integers(1, 10**11),
    st.integers(1, 8),
)
def test_find_largest_fits_a_line_for_every_step(
    lines: list[tuple[int, int]], limit: int, start: int
) -> None:
    """Any step may be the largest at the first batches."""
    search = find_largest(
        lambda batch: [fixed + slope * batch for fixed, slope in lines], limit, start=start
    )
    exact = min([(limit - fixed) // slope for fixed, slope in lines if slope] or [MAXIMUM])
    if max(fixed for fixed, _ in lines) > limit:
        exact = 0
    assert search.found == (None if exact >= MAXIMUM else max(0, exact))
    if start <= exact < MAXIMUM - 1:
        assert len(search.probes) <= 4


def test_find_largest_ignores_runs_with_other_steps() -> None:
    def sums(batch: int) -> list[int]:
        return [100, 10 * batch] if batch % 2 else [100, 50, 10 * batch]

    assert find_largest(sums, 995, start=1).found == 99
