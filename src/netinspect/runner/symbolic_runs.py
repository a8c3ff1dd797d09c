"""Runs at other input sizes, which turn sizes and costs into expressions.

`trace_target` calls them after the base run; `analysis/symbolic/merge_traces.py` merges the traces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from torch import nn

from netinspect.analysis.symbolic.merge_traces import (
    merge_traces,
    moves_in_layers,
    sizes_seen,
    without_symbols,
)
from netinspect.analysis.symbolic.polynomial_fit import format_sizes, points_of
from netinspect.errors import message_of
from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.attempts import suppress_output
from netinspect.inputs.resize import Dimension, Shape, dimensions_for, resized, shapes_by_name
from netinspect.inputs.symbols import SymbolRequest
from netinspect.records.request import TraceRequest
from netinspect.records.symbols import Symbol
from netinspect.records.trace import Trace
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import observe
from netinspect.tracing.recording.functions import reads

READS_VALUES = "forward reads values: with other values, sizes and expressions may differ"
_MORE_STEPS = 1000
_FITTED = 3
_SCALE = 3.0
"""Factor on the budget of a search for inputs: these runs are requested, and larger sizes cost more."""

_LARGE = 17
"""From this size on, smaller ones are tried first: a model may not accept larger ones."""

_LAYERS_AS = {"batch": 0, "seq": 1}
"""Dimension that each has in a layer with `batch_first`."""


def trace_symbolically(
    base: Trace,
    model: nn.Module,
    arguments: Sequence[Argument],
    request: TraceRequest,
    symbols: Sequence[SymbolRequest],
) -> Trace:
    """Run a model at other input sizes, and return the trace with expressions.

    Args:
        base: The trace of the model with the arguments.
        model: The live module; its state is restored.
        arguments: The arguments of forward.
        request: How the base was run.
        symbols: The sizes to replace by symbols.

    Raises:
        UsageError: A symbol names a dimension that the inputs do not have.
    """
    if base.failure is not None:
        return without_symbols(base, "forward failed")
    shapes = shapes_by_name(arguments)
    if not shapes:
        return without_symbols(base, "no input has a dimension that could be changed")
    bare = replace(
        request,
        values=False,
        # A run with many more steps than the base yields no expressions, and a loop might not end.
        max_steps=2 * len(base.steps) + _MORE_STEPS,
    )
    # Tensors without data cost no arithmetic.
    budget = Budget(scale=_SCALE, is_calculated=base.tensor_mode in ("real", "zeros"))
    runner = _Runner(base, model, arguments, bare, budget)
    trace = _with_symbols(base, runner, shapes, symbols)
    return replace(trace, out_of_time=True) if budget.out_of_time else trace


def _with_symbols(
    base: Trace,
    runner: _Runner,
    shapes: Mapping[str, Shape],
    requests: Sequence[SymbolRequest],
) -> Trace:
    found: list[_Found] = []
    for request in requests:
        one = runner.find(request, shapes, {place for each in found for place in each.places})
        if one is None:
            return without_symbols(base, runner.why or _unknown(request, shapes))
        found.append(one)
    runs = runner.grid(found)
    if runs is None:
        return without_symbols(base, runner.why)
    merged = merge_traces(base, runs, [one.symbol for one in found])
    has_read = runner.reads_values or any(reads(step.qualified_name) for step in base.steps)
    if has_read and merged.symbolic is not None and merged.symbolic.symbols:
        return replace(merged, warnings=(*merged.warnings, READS_VALUES))
    return merged


@dataclass(frozen=True, slots=True)
class _Found:
    """One symbol and its dimensions."""

    symbol: Symbol
    places: tuple[Dimension, ...]


class _Runner:
    """Runs the model at other sizes."""

    def __init__(
        self,
        base: Trace,
        model: nn.Module,
        arguments: Sequence[Argument],
        request: TraceRequest,
        budget: Budget,
    ) -> None:
        self.why = ""
        """Why the first attempt failed."""

        self.reads_values = False
        """True if a run read values, on which later steps may depend."""

        self._base = base
        self._model = model
        self._arguments = arguments
        self._request = request
        self._budget = budget
        self._runs: dict[tuple[tuple[Dimension, int], ...], Trace | None] = {}
        self._seen = sizes_seen(base)

    def find(
        self, request: SymbolRequest, shapes: Mapping[str, Shape], taken: Collection[Dimension]
    ) -> _Found | None:
        """Find the dimensions that a name refers to, and sizes at which the model runs."""
        for places in dimensions_for(request, shapes):
            if any(place in taken for place in places):
                continue
            name, at = places[0]
            own = shapes[name][at]
            usual = bool(request.dimensions) or _is_usual(request.name, places, shapes)
            for *fitted, confirmed in self._sizes(request.name, own):
                symbol = Symbol(
                    name=request.name,
                    symbol=request.symbol,
                    size=own,
                    dimensions=tuple(f"{each}:{index}" for each, index in places),
                    fitted=tuple(fitted),
                    confirmed=confirmed,
                )
                found = _Found(symbol, places)
                if self._passes(found, is_usual=usual):
                    return found
        return None

    def grid(self, found: Sequence[_Found]) -> list[Trace] | None:
        """Run at all combinations of sizes, and at the confirming ones; None if a run fails."""
        runs = []
        for point in points_of([one.symbol for one in found]):
            run = self._run(found, point)
            if run is None:
                return None
            runs.append(run)
        return runs

    def _passes(self, found: _Found, *, is_usual: bool) -> bool:
        dimension = _LAYERS_AS.get(found.symbol.name)
        # Sizes close to the original first: the reason of their failure is the most relevant one.
        sizes = (*found.symbol.fitted, found.symbol.confirmed)
        for size in sorted(sizes, key=lambda size: abs(size - found.symbol.size)):
            run = self._run([found], {found.symbol.symbol: size})
            if run is None:
                return False
            if dimension is not None:
                moved = moves_in_layers(self._base, run, dimension)
                if any(moved.values()) or (is_usual and not moved):
                    continue
                if moved:
                    kind = "batch" if dimension == 0 else "sequence"
                    self.why = self.why or (
                        f"{', '.join(found.symbol.dimensions)} is not the {kind}, as "
                        f"{next(iter(moved)) or 'the model'} takes it"
                    )
                return False
        return True

    def _run(self, found: Sequence[_Found], point: Mapping[str, int]) -> Trace | None:
        sizes = {place: point[one.symbol.symbol] for one in found for place in one.places}
        key = tuple(sorted(sizes.items()))
        if key not in self._runs:
            if not self._budget.allows_run():
                self.why = f"the runs at other sizes were {self._budget.stopped}"
                return None
            self._runs[key] = self._observed(sizes, format_sizes(point))
        return self._runs[key]

    def _observed(self, sizes: Mapping[Dimension, int], at: str) -> Trace | None:
        try:
            arguments = resized(self._arguments, sizes)
        except Exception as error:  # torch does not support some layouts; containers have their own code
            self.why = self.why or f"the inputs cannot be made at {at}: {_first_line(error)}"
            return None
        with suppress_output():
            forward = observe(self._model, arguments, self._request)
        self._budget.charge(forward.steps)
        self.reads_values |= forward.reads_values
        if forward.failure is not None:
            message = " ".join(forward.failure.message.split())[:160]
            where = f" in {forward.failure.module}" if forward.failure.module else ""
            self.why = self.why or f"the model fails at {at}{where}: {forward.failure.type}: {message}"
            return None
        return replace(
            self._base,
            inputs=tuple(argument.record for argument in arguments),
            steps=forward.steps,
            output=forward.output,
            backward=forward.backward,
        )

    def _sizes(self, name: str, own: int) -> Iterator[tuple[int, ...]]:
        """Yield sets of sizes to run at: three primes that no tensor has, and a multiple of 6.

        Primes alone are not enough: half of an odd number, rounded, is a polynomial in odd numbers.
        Sizes close to each other are not enough either: padding to a multiple of 64, or a reduction by
        32, gives the same result for all of them. The batch starts at 2, which is far enough.
        """
        up, down = (max(2, own), 4 * own, 8 * own), (own, 2 * own // 3, own // 3)
        ways = [(1, up, 6 * own), (1, (up[0],) * 3, up[0]), (-1, (own,) * 3, own)]
        if name == "batch":
            ways = [(1, (2,) * 3, 2), *ways[1:]]
        elif own >= _LARGE:
            ways = [(-1, down, own // 2), ways[2], *ways[:2]]
        for step, starts, middle in ways:
            sizes: list[int] = []
            for start in starts:
                sizes += self._next(start, step, {own, *sizes}, _is_prime)
            sizes.sort()
            # Where 2 is among the primes, a rounded half follows the parabola through the three at one
            # other even size alone, which is 4 less than their sum.
            taken = {own, *sizes, sum(sizes) - 4}
            even = self._next(middle, step, taken, lambda size: size % 6 == 0)
            even = even or self._next(middle, step, taken, lambda size: size % 2 == 0)
            if len(sizes) == _FITTED and even:
                yield (*sizes, *even)

    def _next(
        self, start: int, step: int, taken: Collection[int], fits: Callable[[int], bool]
    ) -> list[int]:
        """Return the first unused size from `start` on, up or down; an empty list if none is left."""
        sizes = range(start, start + 1000 if step > 0 else 2, step)
        free = (size for size in sizes if fits(size) and size not in taken and size not in self._seen)
        return [*islice(free, 1)]


def _is_usual(name: str, places: Sequence[Dimension], shapes: Mapping[str, Shape]) -> bool:
    """Return whether dimensions are at their usual position; others need a layer that confirms them."""
    if name == "batch":
        return any(at == 0 for _, at in places)
    return name != "seq" or any(at or len(shapes[each]) == 1 for each, at in places)


def _unknown(request: SymbolRequest, shapes: Mapping[str, Shape]) -> str:
    name, shape = next(iter(shapes.items()))
    of_a_list = "; that of a list is its length" if request.name == "batch" and "[" in name else ""
    return (
        f"no input dimension was identified as {request.name}{of_a_list}; name it, as in "
        f"--symbolic {request.name}={name}:{min(1, len(shape) - 1)}"
    )


def _first_line(error: Exception) -> str:
    return message_of(error).partition("\n")[0][:160]


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, int(number**0.5) + 1))
