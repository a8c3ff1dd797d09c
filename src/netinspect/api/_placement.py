"""Placement of a live model on another device for the time of a run, for `integrations`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn


def placed_on(model: nn.Module, device: torch.device) -> AbstractContextManager[None]:
    """Place a model on a device, and restore it at the end of the context.

    Raises:
        UsageError: A tensor cannot be placed there.
    """
    from netinspect.runner import placement

    return placement.placed_on(model, device)


def moved(value: Any, device: torch.device) -> Any:
    """Return a value with copies on a device of all tensors in tuples, lists and dictionaries."""
    from netinspect.runner import placement

    return placement.moved(value, device)
