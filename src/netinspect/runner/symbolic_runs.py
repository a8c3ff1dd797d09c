"""Runs at other input sizes, which turn sizes and costs into expressions.

`trace_target` calls them after the base run; `analysis/symbolic/merge_traces.py` merges the traces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from netinspect._utils.process import begin_phase
from netinspect.analysis.symbolic.merge_traces import (
    merge_traces,
    moves_in_layers,
    sizes_seen,
    without_symbols,
)
from netinspect.analysis.symbolic.size_grid import Point, candidate_symbols, point_at, points_of
from netinspect.errors import message_of
from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.attempts import suppress_output
from netinspect.inputs.resize import Dimension, Shape, dimensions_for, resized, shapes_by_name
from netinspect.inputs.symbols import SymbolRequest
from netinspect.records.base import replace
from netinspect.records.request import TraceRequest
from netinspect.records.symbols import Symbol
from netinspect.records.trace import Trace
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import observe
from netinspect.tracing.recording.functions import reads

READS_VALUES = "forward reads values: with other values, sizes and expressions may differ"
_MORE_STEPS = 1000
_SCALE = 3.0
"""Factor on the budget of a search for inputs: these runs are requested, and larger sizes cost more."""

_LAYERS_AS = {"batch": 0, "seq": 1}
"""Dimension that each has in a layer with `batch_first`."""


class _NoExpressionsError(Exception):
    """Raised if all sizes stay concrete; the message is the reason."""


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
    runner = _Runner(base, model, arguments, request)
    found: list[Symbol] = []
    try:
        for each in symbols:
            taken = {dimension for symbol in found for dimension in symbol.dimensions}
            found.append(runner.find(each, shapes, taken))
        trace = merge_traces(base, [runner.run(point) for point in points_of(found)], found)
    except _NoExpressionsError as error:
        trace = without_symbols(base, str(error))
    has_read = runner.reads_values or any(reads(step.qualified_name) for step in base.steps)
    if has_read and trace.symbolic is not None and trace.symbolic.symbols:
        trace = replace(trace, warnings=(*trace.warnings, READS_VALUES))
    return replace(trace, out_of_time=True) if runner.budget.out_of_time else trace


class _Runner:
    """Runs the model at other sizes."""

    def __init__(
        self, base: Trace, model: nn.Module, arguments: Sequence[Argument], request: TraceRequest
    ) -> None:
        self.reads_values = False
        """True if a run read values, on which later steps may depend."""

        self._base = base
        self._model = model
        self._arguments = arguments
        self._request = replace(
            request,
            values=False,
            # A run with many more steps than the base yields no expressions, and a loop might not end.
            max_steps=2 * len(base.steps) + _MORE_STEPS,
        )
        # Tensors without data cost no arithmetic.
        self.budget = Budget(scale=_SCALE, is_calculated=base.tensor_mode in ("real", "zeros"))
        self._runs: dict[frozenset[tuple[str, int]], Trace | str] = {}
        self._seen = sizes_seen(base)

    def find(self, request: SymbolRequest, shapes: Mapping[str, Shape], taken: set[str]) -> Symbol:
        """Find the dimensions that a name refers to, and sizes at which the model runs.

        Raises:
            _NoExpressionsError: The model does not run at other sizes of any dimension.
        """
        why = ""
        for places in dimensions_for(request, shapes):
            dimensions = [f"{name}:{at}" for name, at in places]
            if not taken.isdisjoint(dimensions):
                continue
            name, at = places[0]
            is_usual = bool(request.dimensions) or _is_usual(request.name, places, shapes)
            for symbol in candidate_symbols(
                request.name, request.symbol, shapes[name][at], dimensions, self._seen
            ):
                try:
                    if self._passes(symbol, is_usual=is_usual):
                        return symbol
                except _NoExpressionsError as error:
                    if self.budget.stopped:
                        raise
                    why = why or str(error)
        raise _NoExpressionsError(why or _unknown(request, shapes))

    def _passes(self, symbol: Symbol, *, is_usual: bool) -> bool:
        """Return whether layers take the dimensions as what the symbol stands for.

        Raises:
            _NoExpressionsError: The model fails at a size, or a layer takes another dimension so.
        """
        dimension = _LAYERS_AS.get(symbol.name)
        # Sizes close to the original first: the reason of their failure is the most relevant one.
        sizes = (*symbol.fitted, symbol.confirmed)
        for size in sorted(sizes, key=lambda size: abs(size - symbol.size)):
            run = self.run(point_at([symbol], [size]))
            if dimension is None:
                continue
            moved = moves_in_layers(self._base, run, dimension)
            if moved and not any(moved.values()):
                kind = "batch" if dimension == 0 else "sequence"
                raise _NoExpressionsError(
                    f"{', '.join(symbol.dimensions)} is not the {kind}, as "
                    f"{next(iter(moved)) or 'the model'} takes it"
                )
            if not moved and not is_usual:
                return False
        return True

    def run(self, point: Point) -> Trace:
        """Return the trace at other sizes.

        Raises:
            _NoExpressionsError: The model fails there, or the budget is used up.
        """
        key = frozenset(point.dimensions.items())
        if key not in self._runs:
            if not self.budget.allows_run():
                raise _NoExpressionsError(f"the runs at other sizes were {self.budget.stopped}")
            begin_phase(f"running forward at other sizes: {point}")
            self._runs[key] = self._observed(point)
        known = self._runs[key]
        if isinstance(known, str):
            raise _NoExpressionsError(known)
        return known

    def _observed(self, point: Point) -> Trace | str:
        """Return the trace at other sizes, or the reason for which the model does not run there."""
        try:
            arguments = resized(self._arguments, point.dimensions)
        except Exception as error:  # torch does not support some layouts; containers have their own code
            line = message_of(error).partition("\n")[0][:160]
            return f"the inputs cannot be made at {point}: {line}"
        with suppress_output():
            forward = observe(self._model, arguments, self._request)
        self.budget.charge(forward.steps)
        self.reads_values |= forward.reads_values
        if forward.failure is not None:
            message = " ".join(forward.failure.message.split())[:160]
            where = f" in {forward.failure.module}" if forward.failure.module else ""
            return f"the model fails at {point}{where}: {forward.failure.type}: {message}"
        return replace(
            self._base,
            inputs=tuple(argument.record for argument in arguments),
            steps=forward.steps,
            output=forward.output,
            backward=forward.backward,
        )


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
