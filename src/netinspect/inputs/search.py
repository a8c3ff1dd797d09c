"""Which other input sizes a model would take, found by trying them.

After a shape error, arithmetic alone cannot tell the size of image that a network was built for: what
lies between the input and the failing layer may be anything. A few short forwards can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from netinspect.inputs.budget import Budget
from netinspect.inputs.build import build_tensor
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.inputs.trials import kept_quiet
from netinspect.observe.arguments import Argument
from netinspect.observe.run import CaptureOptions, observe
from netinspect.records.trace import Trace

_SHARE = 0.1
"""The part of the budget that sizes are searched with: they only help to read a failure."""

_FARTHEST = 32
"""How far from the given size to look."""

_LONGEST = 8
"""How many sizes of a range to try; a few show what is meant."""

# A failure in one of these can depend on the spatial size of the input.
_SIZE_DEPENDENT = frozenset(
    ("linear", "matmul", "addmm", "bmm", "mm", "view", "reshape", "cat", "stack", "add", "sub", "mul")
)
_SIZE_DEPENDENT_PREFIXES = ("conv", "max_pool", "avg_pool")


def working_inputs(
    model: nn.Module, arguments: Sequence[Argument], trace: Trace, budget: Budget, *, training: bool
) -> tuple[str, ...]:
    """Find sizes near a failed one that pass, for a model with one square image as its input.

    Every size that is returned was tried. The search is not begun where the failure cannot depend on the
    size.

    Args:
        model: The live module; it is left as it was.
        arguments: What it failed on.
        trace: The record of the failure.
        budget: What the runs are charged to; they may use a tenth of it.
        training: The mode that it ran in.

    Returns:
        No spec; or one; or the smallest and the largest of an unbroken range of sizes.
    """
    spec = _image_spec(arguments)
    failure = trace.failure
    if spec is None or failure is None or failure.step is None or failure.phase != "forward":
        return ()
    name = trace.steps[failure.step].name
    if name not in _SIZE_DEPENDENT and not name.startswith(_SIZE_DEPENDENT_PREFIXES):
        return ()
    side = spec.shape[-1]

    def passes(size: int) -> bool:
        return budget.allows_run(_SHARE) and _passes(
            model, arguments[0], _resized(spec, size), budget, training=training
        )

    nearest = next((size for size in _nearby(side) if passes(size)), None)
    if nearest is None:
        return ()
    step = 1 if nearest > side else -1
    end = nearest
    while abs(end - nearest) < _LONGEST and end + step > 0 and passes(end + step):
        end += step
    sizes = sorted({nearest, end})
    return tuple(str(_resized(spec, size)) for size in sizes)


def _image_spec(arguments: Sequence[Argument]) -> InputSpec | None:
    if len(arguments) != 1 or len(arguments[0].record.spec.split()) != 1:
        return None
    spec = parse_spec(arguments[0].record.spec)
    spatial = spec.shape[2:]
    is_image = len(spec.shape) in (4, 5) and len(set(spatial)) == 1 and spec.dtype.startswith("float")
    return spec if is_image else None


def _nearby(side: int) -> Iterator[int]:
    """Sizes by their distance from a size, smaller ones first."""
    for distance in range(1, _FARTHEST + 1):
        if side - distance > 0:
            yield side - distance
        yield side + distance


def _resized(spec: InputSpec, side: int) -> InputSpec:
    dimensions = len(spec.shape) - 2
    return replace(spec, shape=(*spec.shape[:2], *[side] * dimensions))


def _passes(
    model: nn.Module, argument: Argument, spec: InputSpec, budget: Budget, *, training: bool
) -> bool:
    tensor = build_tensor(spec, torch.Generator().manual_seed(0), argument.value.device)
    options = CaptureOptions(training=training, most_steps=budget.remaining_operators)
    with kept_quiet():
        forward = observe(model, [replace(argument, value=tensor)], options)
    budget.charge(forward.steps)
    return forward.failure is None
