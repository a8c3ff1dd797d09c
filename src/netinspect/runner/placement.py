"""Placement of a live model on another device for the time of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from netinspect.errors import UsageError
from netinspect.tracing.model.members import TENSORS, Table, entries, modules, put
from netinspect.tracing.snapshot.model_snapshot import preserved
from netinspect.tracing.snapshot.run_lock import run_lock
from netinspect.tracing.tensors.describe import is_uninitialised


@contextmanager
def placed_on(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Place parameters and buffers of a model on a device, and restore them at the end.

    The tensors get other memory and stay the same objects, so that ties, optimizers and lists of weights
    still refer to them. No method of the model is called.

    Args:
        model: The live module.
        device: The device.

    Raises:
        UsageError: A tensor cannot be placed there, because the device does not exist or has no memory
            left.
    """
    with run_lock():  # another run may have placed the model elsewhere
        if all(is_on(tensor, device) for tensor in _tensors(model)):
            yield
        else:
            with _all_placed_on(model, device):
                yield


@contextmanager
def _all_placed_on(model: nn.Module, device: torch.device) -> Iterator[None]:
    replaced: dict[int, torch.Tensor] = {}
    """Tensors that had to be replaced, by the identity of the old ones, which the model still has."""

    with preserved(model):
        with torch.no_grad():
            for module in modules(model):
                for table in TENSORS:
                    for name, tensor in [*entries(module, table)]:
                        if isinstance(tensor, torch.Tensor) and not is_on(tensor, device):
                            _place(module, table, name, tensor, device, replaced)
        yield


def _place(
    module: nn.Module,
    table: Table,
    name: str,
    tensor: torch.Tensor,
    device: torch.device,
    replaced: dict[int, torch.Tensor],
) -> None:
    if id(tensor) in replaced:
        put(module, table, name, replaced[id(tensor)])
        return
    if is_uninitialised(tensor):
        # A lazy parameter gets its size on its own device, so that another one has to become real.
        cls: Any = type(tensor)
        lazy = cls(requires_grad=tensor.requires_grad, device=device, dtype=tensor.dtype)
        replaced[id(tensor)] = lazy
        put(module, table, name, lazy)
        return
    try:
        placed = tensor.detach().to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"{name} cannot be placed on {device}",
            cause=str(error),
            hint="leave device out: the model then runs where it is",
        ) from error
    try:
        tensor.data = placed
    except RuntimeError:  # as from the CPU to the meta device, and back
        other = nn.Parameter(placed, tensor.requires_grad) if table == "_parameters" else placed
        replaced[id(tensor)] = other
        put(module, table, name, other)


def _tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    for module in modules(model):
        for table in TENSORS:
            yield from (each for _, each in entries(module, table) if isinstance(each, torch.Tensor))


def is_on(tensor: torch.Tensor, device: torch.device) -> bool:
    """Return whether a tensor is on a device; one without an index stands for any of its type."""
    return is_same(tensor.device, device)


def is_same(own: torch.device, wanted: torch.device) -> bool:
    """Return whether a tensor's device is the wanted one, which without an index is any of its type.

    Tensors on the CPU and on meta have no index, but `cpu:0` is a name of their device.
    """
    return own.type == wanted.type and wanted.index in (None, own.index or 0)


def moved(value: Any, device: torch.device) -> Any:
    """Return a value with copies on a device of all tensors in tuples, lists and mappings."""
    if isinstance(value, torch.Tensor):
        return value if is_on(value, device) else value.to(device)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(moved(each, device) for each in value))
    if type(value) in (list, tuple):
        return type(value)(moved(each, device) for each in value)
    if isinstance(value, Mapping) and type(value) is dict:
        return {key: moved(each, device) for key, each in value.items()}
    return value
