"""The optimizers that training can be tracked with, made of the names in `request.OPTIMIZERS`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from netinspect.errors import UsageError
from netinspect.tracing.model.members import parameters

_MADE_WITH: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd-momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "adam": ("Adam", {"lr": 0.001}),
    "adamw": ("AdamW", {"lr": 0.001}),
    "adafactor": ("Adafactor", {"lr": 0.001}),
}
"""For each name: the class in `torch.optim`, and what it is made with. None of these numbers changes how
much memory is taken."""


def make_optimizer(name: str, model: nn.Module, *, foreach: bool) -> torch.optim.Optimizer | None:
    """Make an optimizer of a model's trainable parameters; None where there is nothing to do for one.

    Args:
        name: One of `request.OPTIMIZERS`.
        model: The model.
        foreach: Whether it works on all parameters at once, as torch does it on a GPU.

    Raises:
        UsageError: This torch has none of that name.
    """
    trainable = [parameter for parameter in parameters(model) if parameter.requires_grad]
    if name == "none" or not trainable:
        return None
    cls, arguments = _MADE_WITH[name]
    found = getattr(torch.optim, cls, None)
    if found is None:
        raise UsageError(
            f"torch {torch.__version__} has no optimizer {cls}",
            hint="update torch, or take another --optimizer",
        )
    made: torch.optim.Optimizer = found(trainable, foreach=foreach, **arguments)
    return made
