"""How the memory of a run grows with the symbols of a trace: fitted through the same run at other sizes.

What is fitted are the bytes that torch asks for. A device's allocator rounds each allocation up, which
no polynomial follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netinspect.analysis.allocation_totals import CATEGORIES, Category, held_at, sums_by_category
from netinspect.analysis.symbolic.polynomial_fit import HIGHEST_POWER, fit_of, format_sizes
from netinspect.analysis.symbolic.upper_envelope import envelope
from netinspect.records.memory import MemoryStep, MemoryTrack, Tracking
from netinspect.records.memory_growth import AmountExpressions, PeakRange
from netinspect.records.symbols import Symbol, Symbolic

_UNROUNDED = "cpu"
_NAMED = 3
"""How many of the steps without an expression are named."""


def build_growth(tracking: Tracking, symbolic: Symbolic | None) -> tuple[Growth | None, Symbolic | None]:
    """Find expressions for the memory of a run.

    Args:
        tracking: The run, and the same at the sizes of `fitting.points_of`, if there are symbols.
        symbolic: What the trace has for symbols; None if no one asked for any.

    Returns:
        The expressions, None if there are none; and what the report has for symbols.
    """
    if symbolic is None or not symbolic.symbols:
        return None, symbolic
    names = ", ".join(each.symbol for each in symbolic.symbols)
    why = tracking.failure or _parting(tracking.others, names)
    if why is None:
        growth = Growth(tracking.track, tracking.others, symbolic.symbols)
        if not growth.is_refuted:
            return growth, Symbolic(symbols=symbolic.symbols, notes=tuple(growth.notes()))
        why = f"at {growth.here} the run allocates otherwise than expressions would tell"
    return None, Symbolic(symbols=(), notes=(f"all memory is concrete: {why}",))


class Growth:
    """The memory of a run in the symbols of its look.

    Args:
        own: The run itself.
        runs: The same at the sizes of `fitting.points_of`, all with the same steps.
        symbols: Whose sizes those are.
    """

    def __init__(self, own: MemoryTrack, runs: Sequence[MemoryTrack], symbols: Sequence[Symbol]) -> None:
        self._own, self._runs, self._symbols = own, runs, symbols
        self._sizes = {each.symbol: each.size for each in symbols}
        self._is_of_one = 1 in self._sizes.values()
        self.here = format_sizes(self._sizes)
        """The sizes of the run itself, in words."""

        self._fit = fit_of(symbols)
        self._sums = [sums_by_category(run, _UNROUNDED) for run in runs]
        self._totals = [
            self._fit.of([sum(_at(sums, index).values()) for sums in self._sums])
            for index in range(len(runs[0].steps))
        ]
        self._has_steps = own.steps == runs[0].steps
        self._agrees = self._has_steps and self._agrees_in_all()

    @property
    def is_refuted(self) -> bool:
        """Whether the run itself is not a case of the expressions, and none that may be an exception.

        Of a size of 1 torch needs no copy where it does of others: that is not a reason to doubt those.
        """
        return not self._agrees and not self._is_of_one

    def _agrees_in_all(self) -> bool:
        """Return whether the expressions reproduce each step of the run itself."""
        sums = sums_by_category(self._own, _UNROUNDED)
        return all(
            total is None or total.at(self._sizes) == sum(_at(sums, index).values())
            for index, total in enumerate(self._totals)
        )

    def at(self, index: int) -> AmountExpressions | None:
        """Return what there is at one step of the run; None if no expression is of this run."""
        if not self._has_steps:
            return None
        return self._expressions([_at(each, index) for each in self._sums])

    def held_at(self, index: int, depth: int | None) -> Mapping[str, AmountExpressions]:
        """Return what modules hold at one step of the run, by their paths; see `footprint.held_at`."""
        if not self._has_steps:
            return {}
        runs = [held_at(run, index, _UNROUNDED, depth) for run in self._runs]
        paths = dict.fromkeys(path for run in runs for path in run)
        return {path: self._expressions([run.get(path, {}) for run in runs]) for path in paths}

    def peaks(self) -> tuple[PeakRange, ...]:
        """Return where the peak is for which sizes of the symbol, if there is one and all is known."""
        if len(self._symbols) > 1:
            return ()
        known = [total for total in self._totals if total is not None]
        if len(known) < len(self._totals):
            return ()
        ranges = []
        # For a size of 1 its own run alone can vouch.
        least = 1 if self._is_of_one and self._agrees else 2
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
        """Describe what has no expression, and of which run the expressions are not."""
        notes = []
        if not self._agrees:
            notes.append(
                f"at {self.here} itself the run allocates otherwise than the expressions of larger "
                "sizes tell"
            )
        steps = self._runs[0].steps
        unknown = [step for step, total in zip(steps, self._totals, strict=True) if total is None]
        if unknown:
            named = "; ".join(map(_place, unknown[:_NAMED]))
            more = f"; {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
            notes.append(
                f"what there is at some steps is no polynomial of degree {HIGHEST_POWER} or less, so "
                f"the peak of other sizes is not known: {named}{more}"
            )
        elif len(self._symbols) > 1:
            notes.append(f"where the peak is at other sizes than {self.here} is told of one symbol only")
        return notes


def _at(sums: Mapping[Category, Sequence[int]], index: int) -> dict[Category, int]:
    return {category: column[index] for category, column in sums.items()}


def _parting(runs: Sequence[MemoryTrack], names: str) -> str | None:
    """Describe where runs at other sizes took other steps; None if they never did."""
    first, *others = runs
    for other in others:
        for index, (one, two) in enumerate(zip(first.steps, other.steps, strict=False)):
            if one != two:
                return (
                    f"what is allocated depends on {names}: the runs part at step {index}, {_place(one)}"
                )
        if len(first.steps) != len(other.steps):
            return f"the number of allocating steps depends on {names}"
    return None


def _place(step: MemoryStep) -> str:
    phase = f"{step.phase} {step.iteration}" if step.iteration else step.phase
    operation = f", {step.operation}" if step.operation else ""
    return phase + operation + (f" in {step.module}" if step.module else "")
