"""The largest batch whose peak is within a limit: told by a line, and proven by tracking."""

from __future__ import annotations

from collections.abc import Callable

from netinspect.records.memory import BatchSearch, Probe

MAXIMUM = 1 << 20
"""A batch that fits at this size is not made any larger."""


def find_largest(
    peak: Callable[[int], int], limit: int, *, start: int, maximum: int = MAXIMUM
) -> BatchSearch:
    """Find the largest batch that fits.

    The peak of a run is the largest of many sums, each of which grows by a fixed amount with the batch
    in nearly all models; so beyond some batch it lies on a line. A line through the last two batches
    tells where the limit is crossed. That batch and the next are tracked, and unless the one fits and
    the other does not, the line is drawn anew from them, or, where it leads nowhere, the range between
    the largest that fits and the smallest that does not is halved.

    Args:
        peak: Tracks a run at a batch, and returns its peak in bytes.
        limit: Bytes that there are.
        start: The batch to begin with, at least 1.
        maximum: The largest batch to try, at least 2.

    Returns:
        The search; its answer was tracked itself, and so was the next larger batch.
    """
    probes: dict[int, int] = {}

    def fits(batch: int) -> bool:
        if batch not in probes:
            probes[batch] = peak(batch)
        return probes[batch] <= limit

    def result(found: int | None, method: str) -> BatchSearch:
        return BatchSearch(
            limit=limit,
            probes=tuple(Probe(batch=batch, bytes=size) for batch, size in probes.items()),
            found=found,
            method="bisection" if method == "bisection" else "line",
        )

    start = max(1, min(start, maximum // 2))
    low, high = 0, maximum + 1
    """The largest that fits, and the smallest that does not, as far as they are known."""

    method = "line"
    tries = [start, 2 * start]
    for number in range(200):
        for batch in tries:
            if low < batch < high:
                low, high = (batch, high) if fits(batch) else (low, batch)
        if high == low + 1:
            found = None if low == maximum else low
            return result(found, method)
        guess = _on_the_line(probes, limit, maximum) if number < 6 else None
        if guess is None or not low <= guess < high:
            guess, method = (low + high) // 2, "bisection"
            if high > maximum:
                guess = min(maximum, max(1, 8 * low))
        tries = [guess, guess + 1]
    raise AssertionError("halving a range ends")


def _on_the_line(probes: dict[int, int], limit: int, maximum: int) -> int | None:
    """Where the line through the two batches nearest to the limit crosses it; None if it does not."""
    nearest = sorted(probes, key=lambda batch: (abs(probes[batch] - limit), batch))
    for second in nearest[1:]:
        first = nearest[0]
        run, rise = second - first, probes[second] - probes[first]
        if run * rise > 0:
            crossing = first + (limit - probes[first]) * run // rise
            return max(0, min(crossing, maximum))
    return None
