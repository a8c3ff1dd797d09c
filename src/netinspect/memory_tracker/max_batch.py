"""Search for the largest batch within a memory limit: estimated by lines, confirmed by tracking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netinspect.records.memory import BatchProbe, BatchSearch

MAXIMUM = 1 << 20
"""A batch that fits at this size is not made any larger."""


def find_largest(
    sums: Callable[[int], Sequence[int]], limit: int, *, start: int, maximum: int = MAXIMUM
) -> BatchSearch:
    """Find the largest batch that fits.

    The peak of a run is the largest of the sums of what there is at each of its steps, and each of these
    grows by a fixed amount with the batch in nearly all models. Which of them is the largest may change
    with the batch: in training a small one has its peak in the optimizer, where a larger one adds next
    to nothing. So a line is drawn for every step, through the last two batches, and where the first of
    them crosses the limit, there it is crossed. That batch and the next are tracked, and unless the one
    fits and the other does not, the lines are fitted again to them, or, if they yield nothing, the
    range between the largest that fits and the smallest that does not is halved.

    Args:
        sums: Tracks a run at a batch, and returns how many bytes there were at each step.
        limit: Bytes that there are.
        start: The batch to begin with, at least 1.
        maximum: The largest batch to try, at least 2.

    Returns:
        The search; its answer was tracked itself, and so was the next larger batch.
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
        guess = _on_the_lines(probes, limit, maximum) if number < 6 else None
        if guess is None or not low <= guess < high:
            guess, method = (low + high) // 2, "bisection"
            if high > maximum:
                guess = min(maximum, max(1, 8 * low))
        tries = [guess, guess + 1]
    raise AssertionError("halving a range ends")


def _on_the_lines(probes: Mapping[int, Sequence[int]], limit: int, maximum: int) -> int | None:
    """The largest batch for which no line is above the limit; None where no line rises.

    They are drawn through the two batches nearest to the limit that ran through as many steps.
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
