"""Offloaded weights: tensors on the meta device that a hook replaces during a call.

Libraries that run models larger than a device work this way: a hook of a layer or of a module around it
replaces the layer's tensors before its forward.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from netinspect.tracing.model.members import TENSORS, children, entries
from netinspect.tracing.safe_access import attribute, state_of


def absent_tensors(model: nn.Module) -> list[torch.Tensor]:
    """Return the parameters and buffers on the meta device that a hook may replace."""
    return [tensor for tensor, is_absent in _tensors(model) if is_absent]


def home_of(model: nn.Module) -> torch.device | None:
    """Return the device of the first tensor that is not offloaded; None if all are."""
    return next((tensor.device for tensor, is_absent in _tensors(model) if not is_absent), None)


def all_homes_of(model: nn.Module) -> list[torch.device]:
    """Return the devices of the tensors that are not offloaded, each once."""
    return [*dict.fromkeys(tensor.device for tensor, is_absent in _tensors(model) if not is_absent)]


def lacks_values(model: nn.Module) -> bool:
    """Return whether some parameter or buffer is on the meta device and no hook may replace it."""
    with torch._C.DisableTorchFunction():
        return any(
            not is_absent and tensor.device.type == "meta" for tensor, is_absent in _tensors(model)
        )


def _tensors(model: nn.Module) -> Iterator[tuple[torch.Tensor, bool]]:
    """Yield parameters, then buffers, each with whether it is offloaded."""
    seen: set[int] = set()
    hooked: list[tuple[nn.Module, bool]] = []
    waiting = [(model, False)]
    while waiting:
        module, is_hooked = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        is_hooked = is_hooked or _has_hooks(module)
        hooked.append((module, is_hooked))
        waiting += [(child, is_hooked) for _, child in reversed(children(module))]
    for table in TENSORS:
        for module, is_hooked in hooked:
            for _, tensor in entries(module, table):
                if tensor is not None:
                    yield tensor, is_hooked and tensor.device.type == "meta"


def _has_hooks(module: nn.Module) -> bool:
    """Return whether foreign code runs before a module's forward: a hook or a wrapper."""
    return bool(attribute(module, "_forward_pre_hooks")) or "forward" in state_of(module)
