"""The same look at other sizes of its inputs, so that sizes and costs can be told as expressions."""

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
from netinspect.inputs.resize import Dimension, Shape, places_for, resized, shapes_by_name
from netinspect.inputs.symbols import SymbolRequest
from netinspect.records.symbols import Symbol
from netinspect.records.trace import Trace
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import CaptureOptions, observe
from netinspect.tracing.recording.functions import reads

SELECTED = "forward reads values: with others than these, sizes and expressions may be others"
_MORE_STEPS = 1000
_FITTED = 3
_SCALE = 3.0
"""The budget to that of a search for inputs: it was asked for, and larger sizes cost more."""

_LARGE = 17
"""From this size on, smaller ones are tried first: a model may take no larger one."""

_LAYERS_AS = {"batch": 0, "seq": 1}
"""Which dimension a layer with `batch_first` has it in."""


def trace_symbolically(
    base: Trace,
    model: nn.Module,
    arguments: Sequence[Argument],
    options: CaptureOptions,
    requests: Sequence[SymbolRequest],
) -> Trace:
    """Run a model at other sizes of its inputs, and tell what they have in common.

    Args:
        base: The look at the model with the arguments.
        model: The live module; it is left as it was.
        arguments: What forward was called with.
        options: How it was run.
        requests: The sizes that shall be symbols.

    Raises:
        UsageError: A dimension was told that the inputs do not have.
    """
    if base.failure is not None:
        return without_symbols(base, "forward failed")
    shapes = shapes_by_name(arguments)
    if not shapes:
        return without_symbols(base, "no input has a dimension that could be changed")
    bare = CaptureOptions(
        training=options.training,
        seed=options.seed,
        backward=options.backward,
        # With others than the look has, there will be no expressions; and a loop may never end.
        most_steps=2 * len(base.steps) + _MORE_STEPS,
    )
    # Tensors without data cost no arithmetic.
    budget = Budget(scale=_SCALE, is_calculated=base.lane in ("real", "hollow"))
    runner = _Runner(base, model, arguments, bare, budget)
    told = _told(base, runner, shapes, requests)
    return replace(told, out_of_time=True) if budget.out_of_time else told


def _told(
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
    fused = merge_traces(base, runs, [one.symbol for one in found])
    has_read = runner.reads_values or any(reads(step.qualified_name) for step in base.steps)
    if has_read and fused.symbolic is not None and fused.symbolic.symbols:
        return replace(fused, warnings=(*fused.warnings, SELECTED))
    return fused


@dataclass(frozen=True, slots=True)
class _Found:
    """One symbol, and the dimensions that are it."""

    symbol: Symbol
    places: tuple[Dimension, ...]


class _Runner:
    """Runs the model at other sizes."""

    def __init__(
        self,
        base: Trace,
        model: nn.Module,
        arguments: Sequence[Argument],
        options: CaptureOptions,
        budget: Budget,
    ) -> None:
        self.why = ""
        """Why the first try did not do."""

        self.reads_values = False
        """Whether some run read values, so that they may decide what comes next."""

        self._base = base
        self._model = model
        self._arguments = arguments
        self._options = options
        self._budget = budget
        self._runs: dict[tuple[tuple[Dimension, int], ...], Trace | None] = {}
        self._seen = sizes_seen(base)

    def find(
        self, request: SymbolRequest, shapes: Mapping[str, Shape], taken: Collection[Dimension]
    ) -> _Found | None:
        """Find the dimensions that a name means, and sizes at which the model passes."""
        for places in places_for(request, shapes):
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
        """Run at all combinations of sizes, and at the last ones; None where one fails."""
        runs = []
        for point in points_of([one.symbol for one in found]):
            run = self._run(found, point)
            if run is None:
                return None
            runs.append(run)
        return runs

    def _passes(self, found: _Found, *, is_usual: bool) -> bool:
        dimension = _LAYERS_AS.get(found.symbol.name)
        # From the nearest one on: where that fails, its reason is the likeliest to be the real one.
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
        except Exception as error:  # some layouts torch cannot; containers have code of their own
            self.why = self.why or f"the inputs cannot be had at {at}: {_first_line(error)}"
            return None
        with suppress_output():
            forward = observe(self._model, arguments, self._options)
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

        Primes alone would not do: half of an odd number, rounded, is a polynomial in odd numbers. And
        sizes that lie close together would not: what is padded to a multiple of 64, or made 32 times
        smaller, is the same for all of them. The batch starts at 2, and so lies far enough.
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
        """The first size from one on, up or down, that nothing has yet; none where there is none."""
        sizes = range(start, start + 1000 if step > 0 else 2, step)
        free = (size for size in sizes if fits(size) and size not in taken and size not in self._seen)
        return [*islice(free, 1)]


def _is_usual(name: str, places: Sequence[Dimension], shapes: Mapping[str, Shape]) -> bool:
    """Whether dimensions are where they are by custom; others take a layer that says so."""
    if name == "batch":
        return any(at == 0 for _, at in places)
    return name != "seq" or any(at or len(shapes[each]) == 1 for each, at in places)


def _unknown(request: SymbolRequest, shapes: Mapping[str, Shape]) -> str:
    name, shape = next(iter(shapes.items()))
    of_a_list = "; that of a list is its length" if request.name == "batch" and "[" in name else ""
    return (
        f"no dimension of the inputs was found to be {request.name}{of_a_list}; name it, as in "
        f"--symbolic {request.name}={name}:{min(1, len(shape) - 1)}"
    )


def _first_line(error: Exception) -> str:
    return message_of(error).partition("\n")[0][:160]


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, int(number**0.5) + 1))
