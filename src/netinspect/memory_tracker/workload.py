"""Tracked workloads: one forward, or two iterations of training, on real or fake tensors.

The training loss is the loss in the model's output, or else the sum of all outputs that require a
gradient. Only the loss of an iteration stays in memory; gradients are freed when the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from netinspect.memory_tracker.optimizers import make_optimizer
from netinspect.records.memory import Phase
from netinspect.tracing.model.members import parameters
from netinspect.tracing.safe_access import is_a, is_mapping, items_of, setting_of
from netinspect.tracing.tensors.describe import tensors_of

ITERATIONS = 2
"""Two, because an optimizer creates its states at the end of the first iteration."""


class NoGradientError(RuntimeError):
    """Raised if no output of forward can be differentiated."""


class Observer:
    """Receiver of the phases of a run; this one ignores them."""

    def enter_phase(self, phase: Phase, iteration: int) -> None:
        """Begin a phase."""

    def mark_gradients(self) -> None:
        """Record that the parameters have gradients."""

    def mark_states(self, optimizer: torch.optim.Optimizer) -> None:
        """Record that an optimizer has its states."""


def infer(call: Callable[[], Any], observer: Observer) -> Any:
    """Run forward once, without autograd.

    Args:
        call: Runs forward.
        observer: Receives the phases.
    """
    observer.enter_phase("forward", 1)
    with torch.no_grad():
        return call()


def train(
    model: nn.Module, call: Callable[[], Any], optimizer_name: str, *, foreach: bool, observer: Observer
) -> None:
    """Run forward, backward and the optimizer's step, twice.

    Args:
        model: The model to train.
        call: Runs forward.
        optimizer_name: One of `request.OPTIMIZERS`.
        foreach: Whether the optimizer works on all parameters at once.
        observer: Receives the phases.

    Raises:
        NoGradientError: No output requires a gradient.
    """
    optimizer = make_optimizer(optimizer_name, model, foreach=foreach)
    for iteration in range(1, ITERATIONS + 1):
        for parameter in parameters(model):
            parameter.grad = None
        observer.enter_phase("forward", iteration)
        loss = loss_of(call())
        observer.enter_phase("backward", iteration)
        loss.backward()  # type: ignore[no-untyped-call]
        observer.mark_gradients()
        if optimizer is not None:
            observer.enter_phase("optimizer", iteration)
            optimizer.step()
            observer.mark_states(optimizer)


def loss_of(output: Any) -> torch.Tensor:
    """Reduce the output of forward to a scalar loss.

    Raises:
        NoGradientError: No output requires a gradient.
    """
    own = _loss_in(output)
    if is_a(own, torch.Tensor) and own.requires_grad and not own.dim():
        return own
    outputs = [tensor for tensor in tensors_of(output) if tensor.requires_grad]
    if not outputs:
        raise NoGradientError("no output depends on a parameter that requires a gradient")
    total = _real_sum(outputs[0])
    for tensor in outputs[1:]:
        total = total + _real_sum(tensor)
    return total


def _loss_in(output: Any) -> Any:
    """Return the entry or attribute `loss` of an output; None if it is missing."""
    if is_a(output, dict):
        return next(
            (value for key, value in items_of(output) if type(key) is str and key == "loss"), None
        )
    return output.get("loss") if is_mapping(output) else setting_of(output, "loss")


def _real_sum(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.abs() if tensor.is_complex() else tensor).sum()
