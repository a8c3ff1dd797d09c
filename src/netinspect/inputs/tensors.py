"""Tensors built from input specs; the same seed gives the same values."""

from __future__ import annotations

import math

import torch

from netinspect.inputs.spec import InputSpec


def build_value(
    spec: InputSpec, generator: torch.Generator, device: torch.device | str = "cpu"
) -> torch.Tensor | list[torch.Tensor] | bool | None:
    """Make what a spec stands for: a tensor, a list of them, or a literal; see `build_tensor`."""
    if spec.literal is not None:
        return None if spec.literal == "None" else spec.literal == "True"
    if not spec.listed:
        return build_tensor(spec, generator, device)
    return [build_tensor(spec, generator, device) for _ in range(spec.listed)]


def build_tensor(
    spec: InputSpec, generator: torch.Generator, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Make one tensor.

    Values that are told are taken as they are. Floats are drawn from a standard normal distribution, or
    evenly from the range; integers evenly from the range, which is 0..1 where none is given, since every
    embedding has those two; booleans evenly. All are drawn on the CPU in float32 or int64, so that
    neither the device nor the dtype changes which numbers come.

    Args:
        spec: Shape, dtype and range.
        generator: Source of randomness; the process's own is not touched.
        device: Where the tensor shall be.
    """
    dtype: torch.dtype = getattr(torch, spec.dtype)
    if spec.values:
        elements = math.prod(spec.shape)
        exact = torch.int64 if all(isinstance(each, int) for each in spec.values) else torch.float64
        repeated = torch.tensor(spec.values, dtype=exact).repeat(elements // len(spec.values) + 1)
        tensor = repeated[:elements].reshape(spec.shape).clone()  # not a part of more
    elif dtype is torch.bool or not (dtype.is_floating_point or dtype.is_complex):
        low, high = (0, 1) if spec.low is None or spec.high is None else (spec.low, spec.high)
        tensor = torch.randint(int(low), int(high) + 1, spec.shape, generator=generator)
    elif dtype.is_complex:
        tensor = torch.randn(spec.shape, generator=generator, dtype=torch.complex64)
    elif spec.low is None or spec.high is None:
        tensor = torch.randn(spec.shape, generator=generator)
    else:
        tensor = torch.rand(spec.shape, generator=generator) * (spec.high - spec.low) + spec.low
    return tensor.to(device=device, dtype=dtype)
