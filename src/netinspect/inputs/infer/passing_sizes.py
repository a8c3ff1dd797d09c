"""Search for input sizes that pass, near a size that the user gave and that failed.

After a shape error, arithmetic alone cannot find the image size that a network was built for: any
operation may be between the input and the failing layer. A few short forwards can find it. The sizes
become a hint of the diagnosis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from netinspect.analysis.diagnosis import broadcasting, joining
from netinspect.analysis.diagnosis.call import Call
from netinspect.analysis.diagnosis.table import explain
from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.attempts import suppress_output
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.inputs.tensors import build_tensor
from netinspect.records.base import replace
from netinspect.records.dataflow import sources_of
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import observe

_SHARE = 0.1
"""Part of the budget for this search: its result is only a hint."""

_FARTHEST = 32
"""Largest distance from the given size."""

_LONGEST = 8
"""Most sizes of a range to try; a few are enough for a hint."""

_UNITS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128)
"""Possible units of which sides must be multiples where maps of several scales are joined."""

_JOINS = frozenset((*joining.NAMES, *broadcasting.NAMES))
"""Functions that join maps of several scales."""

_Sides = tuple[int, ...]


class PassingSizes(NamedTuple):
    """Input specs that pass; empty where none was found."""

    specs: tuple[str, ...] = ()
    """One spec, or two: either with sides that are multiples of `unit`, or the ends of a range of sizes
    that pass. The specs of several inputs that change together are joined by a space."""

    unit: int = 0
    """Unit of which the sides must be multiples, as far as was tried; 0 if unknown."""


def find_passing_sizes(
    model: nn.Module,
    arguments: Sequence[Argument],
    trace: Trace,
    budget: Budget,
    *,
    training: bool | None,
    call: str = "forward",
) -> PassingSizes:
    """Find sizes near a failed one that pass, for signals, images and volumes.

    Every size that is returned was tried. The search does not start if the failure cannot depend on the
    size. Inputs that have the same sides are changed together; the others are not changed.

    Args:
        model: The live module; it is left unchanged.
        arguments: Arguments on which it failed.
        trace: Trace of the failure.
        budget: Budget that the runs are charged to; they may use a tenth of it.
        training: Whether forward ran in train mode; None for the mode of each module.
        call: Method that was run.
    """
    failure = trace.failure
    if failure is None or failure.step is None or failure.phase != "forward":
        return PassingSizes()
    step = trace.steps[failure.step]
    found = explain(Call(trace, step, failure))
    if found is None or not found[1].size_helps:
        return PassingSizes()
    specs = _image_specs(arguments, set(sources_of(step.input_origins, trace.steps)))
    if not specs:
        return PassingSizes()
    attempt = _Attempt(model, arguments, specs, budget, TraceRequest(train=training, call=call))
    if step.name.strip("_") in _JOINS:
        multiples = _multiples(attempt)
        if multiples.specs:
            return multiples
    return _range_near_given(attempt)


@dataclass(slots=True)
class _Attempt:
    """Runs a model with other sides of some inputs."""

    model: nn.Module
    arguments: Sequence[Argument]
    specs: Mapping[int, InputSpec]
    """Specs that change, by the position of their argument; all have the same sides."""

    budget: Budget
    request: TraceRequest

    @property
    def sides(self) -> _Sides:
        """Sides that failed."""
        return next(iter(self.specs.values())).shape[2:]

    def passes(self, sides: _Sides) -> bool:
        """Return whether forward passes; False too if the budget does not allow another run."""
        if not self.budget.allows_run(_SHARE):
            return False
        generator = torch.Generator().manual_seed(0)
        arguments = [
            replace(each, value=build_tensor(self._resized(at, sides), generator, each.value.device))
            if at in self.specs
            else each
            for at, each in enumerate(self.arguments)
        ]
        options = replace(self.request, max_steps=self.budget.remaining_operators)
        with suppress_output():
            forward = observe(self.model, arguments, options, self.budget.watch())
        self.budget.charge(forward.steps)
        return forward.failure is None

    def spec(self, sides: _Sides) -> str:
        """Return the specs of the changed inputs with other sides."""
        return " ".join(str(self._resized(at, sides)) for at in self.specs)

    def _resized(self, at: int, sides: _Sides) -> InputSpec:
        spec = self.specs[at]
        return replace(spec, shape=(*spec.shape[:2], *sides))


def _image_specs(arguments: Sequence[Argument], sources: set[str]) -> dict[int, InputSpec]:
    """Return the specs by position of the inputs with sides that reach the failed step.

    Args:
        arguments: All inputs.
        sources: Names of the inputs that reach the failed step.

    Returns:
        Empty without such inputs, or if their sides differ.
    """
    found: dict[int, InputSpec] = {}
    for at, argument in enumerate(arguments):
        if len(argument.record.specs) != 1 or type(argument.value) is not torch.Tensor:
            continue
        spec = parse_spec(argument.record.spec)
        is_image = len(spec.shape) in (3, 4, 5) and spec.is_floating
        if is_image and (argument.record.name in sources or len(arguments) == 1):
            found[at] = spec
    sides = {spec.shape[2:] for spec in found.values()}
    return found if len(sides) == 1 else {}


def _multiples(attempt: _Attempt) -> PassingSizes:
    """Find the unit of which sides must be multiples, for example because each stage halves them."""
    given = attempt.sides
    for unit in _UNITS:
        if all(side % unit == 0 for side in given):
            continue  # the given sides are multiples of it and failed
        smaller = tuple(side // unit * unit for side in given)
        larger = tuple(-(-side // unit) * unit for side in given)
        if 0 in smaller:
            smaller, larger = larger, tuple(side + unit for side in larger)
        if attempt.passes(smaller) and attempt.passes(larger):
            return PassingSizes((attempt.spec(smaller), attempt.spec(larger)), unit)
    return PassingSizes()


def _range_near_given(attempt: _Attempt) -> PassingSizes:
    """Find the passing side of a square image at the least distance, and a range of sides from it."""
    given = attempt.sides
    if len(set(given)) != 1 or len(given) < 2:
        return PassingSizes()
    side = given[0]

    def passes(size: int) -> bool:
        return attempt.passes((size,) * len(given))

    start = next((size for size in _by_distance(side) if passes(size)), None)
    if start is None:
        return PassingSizes()
    step = 1 if start > side else -1
    end = start
    while abs(end - start) < _LONGEST and end + step > 0 and passes(end + step):
        end += step
    return PassingSizes(tuple(attempt.spec((size,) * len(given)) for size in sorted({start, end})))


def _by_distance(side: int) -> Iterator[int]:
    """Yield sizes by their distance from a size, the smaller of two first."""
    for distance in range(1, _FARTHEST + 1):
        if side - distance > 0:
            yield side - distance
        yield side + distance
