"""Tensors built from input specs; the same seed gives the same values on every device."""

from __future__ import annotations

import math
from typing import Any

import torch

from netinspect.inputs.spec import InputSpec


def build_value(spec: InputSpec, generator: torch.Generator, device: torch.device | str = "cpu") -> Any:
    """Build the value of a spec: a tensor, a list of tensors or a plain value; see `build_tensor`."""
    if spec.literal is not None:
        return spec.value
    if not spec.listed:
        return build_tensor(spec, generator, device)
    return [build_tensor(spec, generator, device) for _ in range(spec.listed)]


def build_tensor(
    spec: InputSpec, generator: torch.Generator, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Build one tensor.

    Exact values of the spec are used unchanged. Floats are drawn from a standard normal distribution, or
    uniformly from the range. Integers are drawn uniformly from the range, by default 0..1, since every
    embedding has these two rows; booleans uniformly. All are drawn on the CPU in float32 or int64, so
    that the values do not depend on the device or the dtype.

    Args:
        spec: Shape, dtype and range.
        generator: Source of randomness; the global generator is not used.
        device: Device of the tensor.
    """
    dtype: torch.dtype = getattr(torch, spec.dtype)
    drawn_on = generator.device  # torch's default device may be another one
    if spec.values:
        elements = math.prod(spec.shape)
        exact = torch.int64 if all(isinstance(each, int) for each in spec.values) else torch.float64
        repeated = torch.tensor(spec.values, dtype=exact, device=drawn_on).repeat(
            elements // len(spec.values) + 1
        )
        tensor = repeated[:elements].reshape(spec.shape).clone()  # not a view of a larger storage
    elif dtype is torch.bool or not (dtype.is_floating_point or dtype.is_complex):
        low, high = (0, 1) if spec.low is None or spec.high is None else (spec.low, spec.high)
        tensor = torch.randint(int(low), int(high) + 1, spec.shape, generator=generator, device=drawn_on)
    elif dtype.is_complex:
        tensor = torch.randn(spec.shape, generator=generator, dtype=torch.complex64, device=drawn_on)
    elif spec.low is None or spec.high is None:
        tensor = torch.randn(spec.shape, generator=generator, device=drawn_on)
    else:
        tensor = torch.rand(spec.shape, generator=generator, device=drawn_on)
        tensor = tensor * (spec.high - spec.low) + spec.low
    return tensor.to(device=device, dtype=dtype)
