"""What is run: one forward, or two iterations of training; the same on real tensors and on fake ones.

The loss of training is the sum of all outputs that need a gradient, or the loss that the model returns
itself. Nothing of an iteration is held but its loss, and gradients are dropped when the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn

from netinspect.memory_tracker.optimizers import make_optimizer
from netinspect.records.memory import Phase
from netinspect.tracing.model.members import parameters
from netinspect.tracing.safe_access import is_a, is_mapping, items_of, setting_of
from netinspect.tracing.tensors.describe import tensors_of

ITERATIONS = 2
"""An optimizer has its states only from the end of the first iteration on."""


class NoGradientError(RuntimeError):
    """Nothing of what forward returned can be differentiated."""


class Observer(Protocol):
    """Who is told what is being run."""

    def enter_phase(self, phase: Phase, iteration: int) -> None:
        """Say what is being run from here on."""

    def mark_gradients(self) -> None:
        """Say that the parameters have their gradients."""

    def mark_states(self, optimizer: torch.optim.Optimizer) -> None:
        """Say that an optimizer has its states."""


class NullObserver:
    """A watcher of runs that nobody watches."""

    def enter_phase(self, phase: Phase, iteration: int) -> None:
        """Do nothing."""

    def mark_gradients(self) -> None:
        """Do nothing."""

    def mark_states(self, optimizer: torch.optim.Optimizer) -> None:
        """Do nothing."""


def infer(call: Callable[[], Any], watcher: Observer) -> Any:
    """Run forward once, without autograd.

    Args:
        call: Runs it.
        watcher: Who is told.
    """
    watcher.enter_phase("forward", 1)
    with torch.no_grad():
        return call()


def train(
    model: nn.Module, call: Callable[[], Any], optimizer_name: str, *, foreach: bool, watcher: Observer
) -> None:
    """Run forward, backward and the optimizer's step, twice.

    Args:
        model: Whose parameters are trained.
        call: Runs forward.
        optimizer_name: One of `request.OPTIMIZERS`.
        foreach: Whether the optimizer works on all parameters at once.
        watcher: Who is told.

    Raises:
        NoGradientError: No output needs a gradient.
    """
    optimizer = make_optimizer(optimizer_name, model, foreach=foreach)
    for iteration in range(1, ITERATIONS + 1):
        for parameter in parameters(model):
            parameter.grad = None
        watcher.enter_phase("forward", iteration)
        loss = loss_of(call())
        watcher.enter_phase("backward", iteration)
        loss.backward()  # type: ignore[no-untyped-call]
        watcher.mark_gradients()
        if optimizer is not None:
            watcher.enter_phase("optimizer", iteration)
            optimizer.step()
            watcher.mark_states(optimizer)


def loss_of(output: Any) -> torch.Tensor:
    """Make one number of what forward returned.

    Raises:
        NoGradientError: No output needs a gradient.
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
    """Return the entry or attribute of an output that is named `loss`; None if it has none."""
    if is_a(output, dict):
        return next(
            (value for key, value in items_of(output) if type(key) is str and key == "loss"), None
        )
    return output.get("loss") if is_mapping(output) else setting_of(output, "loss")


def _real_sum(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.abs() if tensor.is_complex() else tensor).sum()
