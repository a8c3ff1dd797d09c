"""Optimizers of tracked training, created by their names in `request.OPTIMIZERS`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from netinspect.errors import UsageError
from netinspect.tracing.model.members import parameters

_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd-momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "adam": ("Adam", {"lr": 0.001}),
    "adamw": ("AdamW", {"lr": 0.001}),
    "adafactor": ("Adafactor", {"lr": 0.001}),
}
"""Class in `torch.optim` and its arguments, by name. The arguments do not change the memory."""


def make_optimizer(name: str, model: nn.Module, *, foreach: bool) -> torch.optim.Optimizer | None:
    """Create an optimizer of a model's trainable parameters; None for `none` or without parameters.

    Args:
        name: One of `request.OPTIMIZERS`.
        model: The model.
        foreach: Whether it updates all parameters at once, as torch does on a GPU.

    Raises:
        UsageError: This version of torch does not have the optimizer.
    """
    trainable = [parameter for parameter in parameters(model) if parameter.requires_grad]
    if name == "none" or not trainable:
        return None
    cls, arguments = _CLASSES[name]
    found = getattr(torch.optim, cls, None)
    if found is None:
        raise UsageError(
            f"torch {torch.__version__} has no optimizer {cls}",
            hint="update torch, or choose another --optimizer",
        )
    made: torch.optim.Optimizer = found(trainable, foreach=foreach, **arguments)
    return made
