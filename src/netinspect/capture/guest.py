"""The guest rule: after a look at a model, everything is as it was before.

What is put back: every module's attributes, mode, hooks and registered entries; the contents of all
buffers, and of parameters that `forward` wrote to; `requires_grad` and `.grad`; the random state of
Python, NumPy and torch. It is put back on any exit, exceptions and Ctrl-C included.
"""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import nn

_Container = dict[Any, Any] | list[Any] | set[Any]


class Guest:
    """One model under observation.

    Args:
        model: The live module.
    """

    def __init__(self, model: nn.Module) -> None:
        modules = list(model.modules())
        self._attributes = [(module, dict(vars(module))) for module in modules]
        # The containers themselves stay in place, since others may hold them; their entries go back.
        self._contents: list[tuple[_Container, _Container]] = [
            (value, value.copy())
            for module in modules
            for value in vars(module).values()
            if isinstance(value, (dict, list, set))
        ]
        self._parameters = {id(parameter): parameter for parameter in model.parameters()}
        self._flags = [
            (parameter, parameter.requires_grad, parameter.grad)
            for parameter in self._parameters.values()
        ]
        self._versions = {
            key: parameter._version
            for key, parameter in self._parameters.items()
            if not parameter.is_inference()
        }
        self._copies: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for module in modules:
            self._copy_all(module._buffers.values())
            if getattr(module, "max_norm", None) is not None:
                # An embedding with max_norm rescales its weight in every forward.
                self._copy_all(module._parameters.values())

    @cached_property
    def _by_storage(self) -> dict[int, list[torch.Tensor]]:
        owners: dict[int, list[torch.Tensor]] = {}
        for parameter in self._parameters.values():
            if (storage := _storage(parameter)) is not None:
                owners.setdefault(storage, []).append(parameter)
        return owners

    def about_to_write(self, tensor: torch.Tensor) -> None:
        """Keep the contents of the parameters that an in-place operation is about to change.

        The tensor may be another one on a parameter's storage, as in `weight.data.mul_(2)`.
        """
        if (storage := _storage(tensor)) is not None:
            self._copy_all(self._by_storage.get(storage, ()))

    def _copy_all(self, tensors: Iterable[torch.Tensor | None]) -> None:
        for tensor in tensors:
            if tensor is None or id(tensor) in self._copies or _storage(tensor) is None:
                continue
            with torch.no_grad():
                self._copies[id(tensor)] = (tensor, tensor.detach().clone())

    def unrestored(self) -> list[str]:
        """Name what changed in a way that was not foreseen, and so could not be put back."""
        return [
            f"forward wrote to a parameter of shape {tuple(parameter.shape)} in a way that could "
            "not be foreseen; its old values are lost"
            for key, parameter in self._parameters.items()
            if key in self._versions
            and key not in self._copies
            and parameter._version != self._versions[key]
        ]

    def restore(self) -> None:
        """Put everything back."""
        for container, before in self._contents:
            _refill(container, before)
        for module, attributes in self._attributes:
            state = vars(module)
            for name in state.keys() - attributes.keys():
                del state[name]
            for name, value in attributes.items():
                if state.get(name, state) is not value:
                    state[name] = value
        with torch.no_grad():
            for tensor, copy in self._copies.values():
                if not _same_bytes(tensor, copy):
                    tensor.detach().copy_(copy)
        for parameter, requires_grad, gradient in self._flags:
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
            if parameter.grad is not gradient:
                parameter.grad = gradient


@contextmanager
def guest(model: nn.Module, *, training: bool) -> Iterator[Guest]:
    """Switch a model to one mode, and put everything back at the end.

    Args:
        model: The live module.
        training: The mode that it is to run in.
    """
    with ExitStack() as stack:
        stack.enter_context(preserved_randomness())
        observed = Guest(model)
        stack.callback(observed.restore)
        model.train(training)
        yield observed


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Put the random state of Python, NumPy and torch, on all devices, back at the end."""
    python_state = random.getstate()
    # NumPy is not imported for this alone: what is not loaded cannot have been used.
    numpy: types.ModuleType | None = sys.modules.get("numpy")
    numpy_state: Any = numpy.random.get_state() if numpy else None
    try:
        with torch.random.fork_rng(devices=_initialised_devices()):
            yield
    finally:
        random.setstate(python_state)
        if numpy and numpy_state is not None:
            numpy.random.set_state(numpy_state)


def _initialised_devices() -> list[int]:
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]


def _same_bytes(tensor: torch.Tensor, copy: torch.Tensor) -> bool:
    if tensor.shape != copy.shape or tensor.dtype != copy.dtype:
        return False
    try:
        return bool(torch.equal(tensor, copy))  # a NaN is unequal to itself: then it is rewritten
    except (RuntimeError, NotImplementedError):
        return False


def _storage(tensor: torch.Tensor) -> int | None:
    """The address of a tensor's storage in torch; None where it has none, or holds no values."""
    try:
        return None if tensor.is_meta else tensor.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError, ValueError):
        return None


def _refill(container: _Container, before: _Container) -> None:
    """Give a container its old entries again, each the same object, without replacing it."""
    if isinstance(container, dict) and isinstance(before, dict):
        unchanged = list(container) == list(before) and all(
            container[key] is before[key] for key in before
        )
        if not unchanged:
            container.clear()
            container.update(before)
    elif isinstance(container, list) and isinstance(before, list):
        container[:] = before
    elif isinstance(container, set) and isinstance(before, set):
        container.clear()
        container.update(before)
