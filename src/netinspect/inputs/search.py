"""Which other input sizes a model would take, found by trying them.

After a shape error, arithmetic alone cannot tell the size of image that a network was built for: what
lies between the input and the failing layer may be anything. A few short forwards can.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from netinspect.inputs.build import build_tensor
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.observe.arguments import Argument, split
from netinspect.observe.guest import guest
from netinspect.observe.run import run_forward
from netinspect.records.trace import Trace

SECONDS = 6.0
_FARTHEST = 32
"""How far from the given size to look."""

_LONGEST = 8
"""How many sizes of a range to try; a few show what is meant, and the answer stays the same on a slower
machine."""

# A failure in one of these can depend on the spatial size of the input.
_SIZE_DEPENDENT = frozenset(
    ("linear", "matmul", "addmm", "bmm", "mm", "view", "reshape", "cat", "stack", "add", "sub", "mul")
)
_SIZE_DEPENDENT_PREFIXES = ("conv", "max_pool", "avg_pool")


def working_inputs(
    model: nn.Module, arguments: Sequence[Argument], trace: Trace, *, training: bool
) -> tuple[str, ...]:
    """Find sizes near a failed one that pass, for a model with one square image as its input.

    Every size that is returned was tried. The search takes six seconds at most, far less as a rule, and
    is not begun where the failure cannot depend on the size.

    Args:
        model: The live module; it is left as it was.
        arguments: What it failed on.
        trace: The record of the failure.
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
    deadline = time.monotonic() + SECONDS
    side = spec.shape[-1]

    def passes(size: int) -> bool:
        return time.monotonic() < deadline and _passes(
            model, arguments[0], _resized(spec, size), training=training
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


def _passes(model: nn.Module, argument: Argument, spec: InputSpec, *, training: bool) -> bool:
    tensor = build_tensor(spec, torch.Generator().manual_seed(0), argument.value.device)
    args, kwargs = split([replace(argument, value=tensor)])
    with guest(model, training=training), torch.no_grad():
        try:
            run_forward(model, args, kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever the model raises, this size is none of those that pass
            return False
    return True
