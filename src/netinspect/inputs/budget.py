"""Budget of the searches that a command runs: tries, operators, MACs and bytes, not seconds.

A search that ends by the clock gives one answer on an idle machine and another on a busy one. The budget
therefore counts what ran; its limits take about a minute on two cores. The clock is only a safety stop:
a result that it cut short reports so and is not cached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from netinspect._utils.interruption import OutOfTime, TooMuchWork, Watch
from netinspect.records.steps import Step

TRIES = 120
OPERATORS = 2_000_000
"""Calls of functions, layers and torch operators."""

MACS = 4_000_000_000_000
BYTES = 400_000_000_000
"""Bytes that operators read and write; they bound elementwise operators and depthwise convolutions."""

KERNEL_WORK = 10_000_000_000
"""MACs and bytes of all runs on real kernels after which a model is run on the meta device instead. They
take about a second on two cores, as do the imports of the meta device."""

SECONDS = 900.0
"""Seconds until the safety stop."""


@dataclass(slots=True)
class Budget:
    """Budget of the searches for one trace, with what they have used of it.

    Args:
        scale: A factor for all limits but the time.
    """

    scale: float = 1.0
    is_calculated: bool = True
    """False on tensors without data, whose operators cost no arithmetic."""

    prefers_meta: bool = False
    """True if the model can be run on the meta device instead, once kernels have worked too much."""

    tries: int = 0
    operators: int = 0
    macs: int = 0
    bytes: int = 0
    stopped: str = ""
    """The limit that ended a search, such as `stopped after 120 tries`; empty if none did."""

    out_of_time: bool = False
    """True if that limit was the safety stop."""

    _started: float | None = field(default=None, repr=False)

    @property
    def remaining_operators(self) -> int:
        """Number of operators left, at least 0."""
        return max(0, self._limit(OPERATORS) - self.operators)

    def charge(self, steps: Iterable[Step]) -> None:
        """Count one run of forward.

        Args:
            steps: Its steps, up to the one that failed.
        """
        self.tries += 1
        for step in steps:
            self.operators += 1
            for work in step.work:
                self.operators += work.calls
                if self.is_calculated:
                    self.macs += work.macs or 0
                    self.bytes += work.bytes_read + work.bytes_written

    def watch(self, *, has_deadline: bool = True) -> Watch:
        """Return a function that ends a run between operators once a limit is reached.

        Args:
            has_deadline: Whether the safety stop applies: not to the run that a user asked for.
        """
        work = self.macs + self.bytes

        def watch(macs: int, moved: int) -> None:
            nonlocal work
            work += macs + moved
            if self.prefers_meta and self.is_calculated and work > KERNEL_WORK:
                raise TooMuchWork(f"forward takes more than {KERNEL_WORK:,} MACs and bytes on kernels")
            if has_deadline and self._started is not None and monotonic() - self._started > SECONDS:
                self._stop_for_time()
                raise OutOfTime(self.stopped)

        return watch

    def allows_run(self, share: float = 1.0) -> bool:
        """Return whether another run may begin; if not, set `stopped`.

        Args:
            share: The part of the limits that this search may use, apart from the tries.
        """
        now = monotonic()
        if self._started is None:
            self._started = now
        reached = [
            f"{limit:,} {unit}"
            for spent, limit, unit in (
                (self.tries, self._limit(TRIES), "tries"),
                (self.operators, self._limit(OPERATORS, share), "operators"),
                (self.macs, self._limit(MACS, share), "MACs"),
                (self.bytes, self._limit(BYTES, share), "bytes"),
            )
            if spent >= limit
        ]
        if reached:
            self.stopped = f"stopped after {reached[0]}"
            return False
        if now - self._started > SECONDS:
            self._stop_for_time()
            return False
        return True

    def _stop_for_time(self) -> None:
        self.stopped = f"stopped after {SECONDS:.0f} s: time was up, a faster machine may find more"
        self.out_of_time = True

    def _limit(self, limit: int, share: float = 1.0) -> int:
        return int(limit * self.scale * share)
