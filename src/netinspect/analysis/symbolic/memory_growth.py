"""Memory of a run as expressions in the symbols of a trace, fitted to tracked runs at several sizes.

The fit uses the bytes that torch requests. The allocator of a device rounds each allocation up, which
no polynomial describes. Used by `reports.memory`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netinspect.analysis.allocation_totals import CATEGORIES, Category, held_at, sums_by_category
from netinspect.analysis.symbolic.polynomial_fit import Fit
from netinspect.analysis.symbolic.size_grid import HIGHEST_POWER
from netinspect.analysis.symbolic.upper_envelope import envelope
from netinspect.records.memory import MemoryStep, MemoryTrack, Tracking
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.records.symbols import Symbol, Symbolic

_UNROUNDED = "cpu"
_MAX_NAMED = 3
"""Maximum number of steps without an expression that a note names."""


def build_growth(tracking: Tracking, symbolic: Symbolic | None) -> tuple[Growth | None, Symbolic | None]:
    """Find expressions for the memory of a run.

    Args:
        tracking: The run, and the same run at the `points_of` the symbols.
        symbolic: The symbols of the trace; None if none were requested.

    Returns:
        The expressions, or None; and the symbols and notes for the report.
    """
    if symbolic is None or not symbolic.symbols:
        return None, symbolic
    names = ", ".join(each.symbol for each in symbolic.symbols)
    why = tracking.failure or _first_difference(tracking.others, names)
    if why is None:
        growth = Growth(tracking.track, tracking.others, symbolic.symbols)
        if not growth.is_refuted:
            return growth, Symbolic(symbols=symbolic.symbols, notes=tuple(growth.notes()))
        why = f"at {growth.here} the run allocates differently from the expressions"
    return None, Symbolic(symbols=(), notes=(f"all memory is concrete: {why}",))


class Growth:
    """The memory of a run in the symbols of its trace.

    Args:
        own: The run at its own sizes.
        runs: The run at the `points_of` the symbols, all with the same steps.
        symbols: The symbols that replace these sizes.
    """

    def __init__(self, own: MemoryTrack, runs: Sequence[MemoryTrack], symbols: Sequence[Symbol]) -> None:
        self._own, self._runs, self._symbols = own, runs, symbols
        self._fit = Fit(symbols)
        self.here = self._fit.here
        """Sizes of the run itself."""

        self._sums = [sums_by_category(run, _UNROUNDED) for run in runs]
        self._totals = [
            self._fit.of([sum(_at(sums, index).values()) for sums in self._sums])
            for index in range(len(runs[0].steps))
        ]
        self._has_steps = own.steps == runs[0].steps
        self._agrees = self._has_steps and self._agrees_in_all()

    @property
    def is_refuted(self) -> bool:
        """Whether the run itself contradicts the expressions.

        A run with a size of 1 may differ, because torch needs fewer copies there.
        """
        return not self._agrees and not self._fit.has_size_one

    def _agrees_in_all(self) -> bool:
        """Return whether the expressions reproduce every step of the run itself."""
        sums = sums_by_category(self._own, _UNROUNDED)
        return all(
            total is None or self._fit.holds_here(total, sum(_at(sums, index).values()))
            for index, total in enumerate(self._totals)
        )

    def at(self, index: int) -> AmountExpressions | None:
        """Return the amounts at a step; None if the run itself has other steps."""
        if not self._has_steps:
            return None
        return self._expressions([_at(each, index) for each in self._sums])

    def held_at(self, index: int, depth: int | None) -> Mapping[str, AmountExpressions]:
        """Return the memory of each module at a step, by path; see `allocation_totals.held_at`."""
        if not self._has_steps:
            return {}
        runs = [held_at(run, index, _UNROUNDED, depth) for run in self._runs]
        paths = dict.fromkeys(path for run in runs for path in run)
        return {path: self._expressions([run.get(path, {}) for run in runs]) for path in paths}

    def peaks(self) -> tuple[PeakRange, ...]:
        """Return the peak by range of the symbol; empty unless all steps are known in one symbol."""
        if len(self._symbols) > 1:
            return ()
        known = [total for total in self._totals if total is not None]
        if len(known) < len(self._totals):
            return ()
        ranges = []
        # For a size of 1, only a run at 1 is evidence.
        least = 1 if self._fit.has_size_one and self._agrees else 2
        for first, last, total in envelope(known, first=least):
            index = known.index(total)
            step = self._runs[0].steps[index]
            ranges.append(
                PeakRange(
                    first=first,
                    last=last,
                    phase=step.phase,
                    iteration=step.iteration,
                    module=step.module,
                    operation=step.operation,
                    expressions=self._expressions([_at(each, index) for each in self._sums]),
                )
            )
        return tuple(ranges)

    def _expressions(self, runs: Sequence[Mapping[Category, int]]) -> AmountExpressions:
        return AmountExpressions(
            **{each: self._fit.of([run.get(each, 0) for run in runs]) for each in CATEGORIES},
            total=self._fit.of([sum(run.values()) for run in runs]),
        )

    def notes(self) -> list[str]:
        """Return notes on missing expressions and on sizes for which the expressions do not hold."""
        notes = []
        if not self._agrees:
            notes.append(
                f"at {self.here} the run allocates differently from the expressions, which hold for "
                "larger sizes"
            )
        steps = self._runs[0].steps
        unknown = [step for step, total in zip(steps, self._totals, strict=True) if total is None]
        if unknown:
            named = "; ".join(map(_place, unknown[:_MAX_NAMED]))
            more = f"; {len(unknown) - _MAX_NAMED} more" if len(unknown) > _MAX_NAMED else ""
            notes.append(
                f"the memory at some steps is not a polynomial of degree {HIGHEST_POWER} or less, so "
                f"the peak of other sizes is unknown: {named}{more}"
            )
        elif len(self._symbols) > 1:
            notes.append(f"the peak at sizes other than {self.here} is given only for a single symbol")
        return notes


def _at(sums: Mapping[Category, Sequence[int]], index: int) -> dict[Category, int]:
    return {category: column[index] for category, column in sums.items()}


def _first_difference(runs: Sequence[MemoryTrack], names: str) -> str | None:
    """Return where runs at other sizes have other steps; None if all have the same."""
    first, *others = runs
    for other in others:
        for index, (one, two) in enumerate(zip(first.steps, other.steps, strict=False)):
            if one != two:
                return f"allocations depend on {names}: runs differ from step {index} on, {_place(one)}"
        if len(first.steps) != len(other.steps):
            return f"the number of allocating steps depends on {names}"
    return None


def _place(step: MemoryStep) -> str:
    phase = f"{step.phase} {step.iteration}" if step.iteration else step.phase
    operation = f", {step.operation}" if step.operation else ""
    return phase + operation + (f" in {step.module}" if step.module else "")
