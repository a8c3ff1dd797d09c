"""Search for input sizes on which a model passes.

After a shape error, arithmetic alone cannot tell the size of image that a network was built for: what
lies between the input and the failing layer may be anything. A few short forwards can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import nn

from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.attempts import suppress_output
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.inputs.tensors import build_tensor
from netinspect.records.dataflow import sources_of
from netinspect.records.trace import Trace
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import CaptureOptions, observe

_SHARE = 0.1
"""The part of the budget that sizes are searched with: they only help to read a failure."""

_FARTHEST = 32
"""How far from the given size to look."""

_LONGEST = 8
"""How many sizes of a range to try; a few show what is meant."""

_UNITS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128)
"""What sides may have to be a multiple of, where maps of several scales are joined."""

_JOINS = frozenset(("cat", "concat", "concatenate", "stack", "add", "sub", "mul", "div", "where"))

# A failure in one of these can depend on the spatial size of the input.
_SIZE_DEPENDENT = frozenset(("linear", "matmul", "addmm", "bmm", "mm", "view", "reshape", *_JOINS))
_SIZE_DEPENDENT_PREFIXES = ("conv", "max_pool", "avg_pool")

_Sides = tuple[int, ...]


class PassingSizes(NamedTuple):
    """Input specs that pass; empty where none was found."""

    specs: tuple[str, ...] = ()
    """One; or two, where either the sides are multiples of `unit`, or all sizes in between pass too. The
    specs of several inputs that change together are joined by a space."""

    unit: int = 0
    """What the sides have to be a multiple of, as far as was tried; 0 where that is not known."""


def working_inputs(
    model: nn.Module, arguments: Sequence[Argument], trace: Trace, budget: Budget, *, training: bool
) -> PassingSizes:
    """Find sizes near a failed one that pass, for signals, images and volumes.

    Every size that is returned was tried. The search is not begun where the failure cannot depend on the
    size. Inputs that have the same sides are changed together; the others stay.

    Args:
        model: The live module; it is left as it was.
        arguments: What it failed on.
        trace: The record of the failure.
        budget: What the runs are charged to; they may use a tenth of it.
        training: The mode that it ran in.
    """
    failure = trace.failure
    if failure is None or failure.step is None or failure.phase != "forward":
        return PassingSizes()
    step = trace.steps[failure.step]
    if step.name not in _SIZE_DEPENDENT and not step.name.startswith(_SIZE_DEPENDENT_PREFIXES):
        return PassingSizes()
    specs = _image_specs(arguments, set(sources_of(step, trace.steps)))
    if not specs:
        return PassingSizes()
    attempt = _Attempt(model, arguments, specs, budget, training=training)
    if step.name.strip("_") in _JOINS:
        found = _multiples(attempt)
        if found.specs:
            return found
    return _nearest(attempt)


@dataclass(slots=True)
class _Attempt:
    """Runs a model with other sides of some inputs."""

    model: nn.Module
    arguments: Sequence[Argument]
    specs: Mapping[int, InputSpec]
    """Those that change, by the position of their argument; their sides are the same."""

    budget: Budget
    training: bool = field(kw_only=True)

    @property
    def sides(self) -> _Sides:
        """The sides that failed."""
        return next(iter(self.specs.values())).shape[2:]

    def passes(self, sides: _Sides) -> bool:
        """Whether forward passes; False too where the budget does not allow to try it."""
        if not self.budget.allows_run(_SHARE):
            return False
        generator = torch.Generator().manual_seed(0)
        arguments = [
            replace(each, value=build_tensor(self._resized(at, sides), generator, each.value.device))
            if at in self.specs
            else each
            for at, each in enumerate(self.arguments)
        ]
        options = CaptureOptions(training=self.training, most_steps=self.budget.remaining_operators)
        with suppress_output():
            forward = observe(self.model, arguments, options)
        self.budget.charge(forward.steps)
        return forward.failure is None

    def spec(self, sides: _Sides) -> str:
        """Return the specs of the inputs with other sides."""
        return " ".join(str(self._resized(at, sides)) for at in self.specs)

    def _resized(self, at: int, sides: _Sides) -> InputSpec:
        spec = self.specs[at]
        return replace(spec, shape=(*spec.shape[:2], *sides))


def _image_specs(arguments: Sequence[Argument], sources: set[str]) -> dict[int, InputSpec]:
    """Return the inputs with sides that what failed was made from, by position; empty without any.

    Args:
        arguments: All inputs.
        sources: Names of those that reach the step that failed.
    """
    found: dict[int, InputSpec] = {}
    for at, argument in enumerate(arguments):
        if len(argument.record.spec.split()) != 1 or type(argument.value) is not torch.Tensor:
            continue
        spec = parse_spec(argument.record.spec)
        is_image = len(spec.shape) in (3, 4, 5) and spec.dtype.startswith(("float", "bfloat"))
        if is_image and (argument.record.name in sources or len(arguments) == 1):
            found[at] = spec
    sides = {spec.shape[2:] for spec in found.values()}
    return found if len(sides) == 1 else {}


def _multiples(attempt: _Attempt) -> PassingSizes:
    """Find the number that sides have to be a multiple of, as where each stage halves them."""
    given = attempt.sides
    for unit in _UNITS:
        if all(side % unit == 0 for side in given):
            continue  # it failed, though it is one
        smaller = tuple(side // unit * unit for side in given)
        larger = tuple(-(-side // unit) * unit for side in given)
        if 0 in smaller:
            smaller, larger = larger, tuple(side + unit for side in larger)
        if attempt.passes(smaller) and attempt.passes(larger):
            return PassingSizes((attempt.spec(smaller), attempt.spec(larger)), unit)
    return PassingSizes()


def _nearest(attempt: _Attempt) -> PassingSizes:
    """Find the size nearest to that of a square image, and how far sizes next to it pass."""
    given = attempt.sides
    if len(set(given)) != 1 or len(given) < 2:
        return PassingSizes()
    side = given[0]

    def passes(size: int) -> bool:
        return attempt.passes((size,) * len(given))

    nearest = next((size for size in _nearby(side) if passes(size)), None)
    if nearest is None:
        return PassingSizes()
    step = 1 if nearest > side else -1
    end = nearest
    while abs(end - nearest) < _LONGEST and end + step > 0 and passes(end + step):
        end += step
    return PassingSizes(tuple(attempt.spec((size,) * len(given)) for size in sorted({nearest, end})))


def _nearby(side: int) -> Iterator[int]:
    """Sizes by their distance from a size, smaller ones first."""
    for distance in range(1, _FARTHEST + 1):
        if side - distance > 0:
            yield side - distance
        yield side + distance
