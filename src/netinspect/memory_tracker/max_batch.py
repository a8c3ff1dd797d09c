"""Search for the largest batch within a memory limit: estimated by lines, confirmed by tracking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netinspect.records.memory import BatchProbe, BatchSearch

MAXIMUM = 1 << 20
"""Largest batch that is tried."""


def find_largest(
    sums: Callable[[int], Sequence[int]], limit: int, *, start: int, maximum: int = MAXIMUM
) -> BatchSearch:
    """Find the largest batch that fits.

    The peak of a run is the maximum over its steps of the allocated bytes. In nearly all models, the
    bytes at each step grow linearly with the batch. The step of the peak may change with the batch: in
    training, a small batch has its peak in the optimizer, where a larger batch adds almost nothing. A
    line is therefore fitted for every step, through the last two batches, and the first line to cross
    the limit gives the estimate. The estimate and the next batch are tracked. Unless the first one fits
    and the second one does not, the lines are fitted again. If they give no estimate, the range between
    the largest batch that fits and the smallest one that does not is halved.

    Args:
        sums: Tracks a run at a batch and returns the allocated bytes at each step.
        limit: Available bytes.
        start: First batch to try, at least 1.
        maximum: Largest batch to try, at least 2.

    Returns:
        The search. Its result and the next larger batch were both tracked.
    """
    probes: dict[int, Sequence[int]] = {}

    def fits(batch: int) -> bool:
        if batch not in probes:
            probes[batch] = sums(batch)
        return max(probes[batch]) <= limit

    def result(found: int | None, method: str) -> BatchSearch:
        return BatchSearch(
            limit=limit,
            probes=tuple(BatchProbe(batch=batch, bytes=max(each)) for batch, each in probes.items()),
            found=found,
            method="bisection" if method == "bisection" else "line",
        )

    start = max(1, min(start, maximum // 2))
    low, high = 0, maximum + 1
    """Largest batch known to fit, and smallest batch known not to fit."""

    method = "line"
    tries = [start, 2 * start]
    for number in range(200):
        for batch in tries:
            if low < batch < high:
                low, high = (batch, high) if fits(batch) else (low, batch)
        if high == low + 1:
            found = None if low == maximum else low
            return result(found, method)
        estimate = _from_lines(probes, limit, maximum) if number < 6 else None
        if estimate is None or not low <= estimate < high:
            estimate, method = (low + high) // 2, "bisection"
            if high > maximum:
                estimate = min(maximum, max(1, 8 * low))
        tries = [estimate, estimate + 1]
    raise AssertionError("halving a range ends")


def _from_lines(probes: Mapping[int, Sequence[int]], limit: int, maximum: int) -> int | None:
    """Return the largest batch with all lines below the limit; None if no line rises.

    The lines go through the two batches with peaks closest to the limit and the same number of steps.
    """
    peaks = {batch: max(each) for batch, each in probes.items()}
    first, *others = sorted(peaks, key=lambda batch: (abs(peaks[batch] - limit), batch))
    for second in others:
        if len(probes[first]) != len(probes[second]):
            continue
        run, sign = abs(second - first), 1 if second > first else -1
        crossings = [
            first + (limit - one) * run // (sign * (other - one))
            for one, other in zip(probes[first], probes[second], strict=True)
            if sign * (other - one) > 0
        ]
        if crossings:
            return max(0, min(*crossings, maximum))
    return None
