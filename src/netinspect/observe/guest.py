"""The guest rule: after a look at a model, everything is as it was before.

What is put back: the attributes, mode, hooks and registered entries of every module, and the entries
of the containers in them; the bytes of all buffers, and of every tensor that `forward` was seen
writing to; `requires_grad` and `.grad`; the state of random generators; torch's default dtype and
device. It is put back on any exit, exceptions and Ctrl-C included.
"""

from __future__ import annotations

import operator
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from netinspect.observe.describe import NO_STORAGE, is_uninitialised
from netinspect.observe.reach import Container, Reach
from netinspect.observe.seeds import preserved_randomness


@dataclass(slots=True)
class _Tensor:
    """What one tensor object is, beyond the bytes in its storage."""

    tensor: torch.Tensor
    cls: type[torch.Tensor]
    data: torch.Tensor
    """A second view of its memory, to which it can be pointed again."""

    requires_grad: bool
    is_leaf: bool
    gradient: torch.Tensor | None
    version: int | None
    counter: Any
    """Sets autograd's count of writes back: a graph of the user's that waits for its backward would
    refuse to run, though the bytes that it saved are the same again."""

    def put_back(self) -> None:
        tensor = self.tensor
        if type(tensor) is not self.cls:  # a lazy tensor that became a real one
            tensor.data = torch.empty(0, dtype=self.data.dtype, device=self.data.device)
            tensor.__class__ = self.cls
        elif not is_uninitialised(tensor) and _is_elsewhere(tensor, self.data):
            tensor.data = self.data
        if self.is_leaf and not tensor.is_leaf:
            # Values with a graph were written to it; only a view cannot be taken out of its graph.
            with suppress(RuntimeError):
                tensor.detach_()
        if tensor.is_leaf:
            if tensor.requires_grad != self.requires_grad:
                tensor.requires_grad_(self.requires_grad)
            if tensor.grad is not self.gradient:
                tensor.grad = self.gradient


class Guest:
    """One model under observation.

    Args:
        model: The live module.
        inputs: What forward will be given; its tensors are looked after like the model's own.
    """

    def __init__(self, model: nn.Module, inputs: Any = ()) -> None:
        reach = Reach(model, inputs)
        registered = {id(module) for module in model.modules()}
        self.hidden = [module for module in reach.modules if id(module) not in registered]
        """Modules held by plain attributes or containers, so that torch does not know of them."""

        self._model = model
        self._classes = [(module, type(module)) for module in reach.modules]
        self._empty = reach.empty
        self._containers = [(container, _copy(container)) for container in reach.containers]
        self._rewinders = reach.rewinders
        self._arrays = [(array, array.copy()) for array in reach.arrays]
        self._tensors = [state for tensor in reach.tensors if (state := _state(tensor)) is not None]
        self.lazy = any(each.version is None and is_uninitialised(each.tensor) for each in self._tensors)
        """Whether some parameter waits for the first input to tell its size."""

        self.keeping = False
        """Whether a copy is being made right now: that is no work of the model's."""

        self._watched: set[int] = set()
        self._copies: dict[int, tuple[torch.UntypedStorage, torch.Tensor, torch.Tensor]] = {}
        """By its address: a storage, a view of its bytes, and what they were."""

        for state in self._tensors:
            for tensor in (state.data, state.gradient):
                if tensor is not None and (storage := _storage(tensor)) is not None:
                    self._watched.add(storage._cdata)
        for module in reach.modules:
            self._copy_all(module._buffers.values())
            if isinstance(module, torch.jit.ScriptModule) or _rescales_its_weight(module):
                # Nobody sees what TorchScript writes to.
                self._copy_all(module.parameters())
        # A backward inside forward adds to the gradients in place.
        self._copy_all(state.gradient for state in self._tensors)

    def about_to_write(self, tensor: torch.Tensor) -> None:
        """Keep the bytes of a tensor's storage, if it is one of the model's or of its inputs'.

        The tensor may be another one on that storage, as in `weight.data.mul_(2)`.
        """
        try:
            is_watched = tensor.untyped_storage()._cdata in self._watched
        except NO_STORAGE:
            return
        if is_watched:
            self.keeping = True
            try:
                self._copy_all((tensor,))
            finally:
                self.keeping = False

    def _copy_all(self, tensors: Iterable[torch.Tensor | None]) -> None:
        for tensor in tensors:
            storage = None if tensor is None else _storage(tensor)
            if storage is not None and storage._cdata not in self._copies:
                view = _bytes(storage)
                self._copies[storage._cdata] = storage, view, view.clone()

    def unrestored(self) -> list[str]:
        """Name what changed in a way that was not foreseen, and so cannot be put back."""
        written = [
            state
            for state in self._tensors
            if state.version is not None and state.tensor._version != state.version
        ]
        if not written:
            return []
        names = {id(parameter): name for name, parameter in self._model.named_parameters()}
        lost = []
        for state in written:
            storage = _storage(state.data)
            if storage is not None and storage._cdata not in self._copies:
                name = names.get(id(state.tensor), f"a tensor of shape {tuple(state.data.shape)}")
                lost.append(f"forward wrote to {name} unforeseen; its old values are lost")
        return lost

    def restore(self) -> None:
        """Put everything back."""
        for module, cls in self._classes:
            if type(module) is not cls:
                module.__class__ = cls  # a lazy layer that became a real one
        for container in self._empty:
            if container:
                container.clear()
        for container, before in self._containers:
            _refill(container, before)
        # Outside of inference mode, a tensor that was made in it may not be written to.
        with torch.inference_mode():
            for storage, view, copy in self._copies.values():
                if storage.nbytes() != copy.numel():
                    storage.resize_(copy.numel())
                if not torch.equal(view, copy):
                    view.copy_(copy)
        for state in self._tensors:
            with suppress(*NO_STORAGE):
                state.put_back()
            written = state.version is not None and state.tensor._version != state.version
            if written and self._kept(state.data):
                state.counter.__exit__(None, None, None)
        for rewind in self._rewinders:
            rewind()
        for array, array_before in self._arrays:
            if array.tobytes() != array_before.tobytes():
                array[...] = array_before

    def _kept(self, tensor: torch.Tensor) -> bool:
        storage = _storage(tensor)
        return storage is not None and storage._cdata in self._copies


@contextmanager
def guest(model: nn.Module, inputs: Any = (), *, training: bool) -> Iterator[Guest]:
    """Switch a model to one mode, and put everything back at the end.

    Args:
        model: The live module.
        inputs: What forward will be given.
        training: The mode that it is to run in.
    """
    with ExitStack() as stack:
        stack.enter_context(preserved_randomness())
        stack.enter_context(preserved_defaults())
        observed = Guest(model, inputs)
        stack.callback(observed.restore)
        try:
            model.train(training)
        except (RecursionError, NotImplementedError):
            # A module that has registered its parent, or one that was exported; forward may well work.
            for module in model.modules():
                module.training = training
        yield observed


@contextmanager
def preserved_defaults() -> Iterator[None]:
    """Put torch's default dtype and device back at the end, and leave no bytecode files meanwhile.

    What forward imports lies beside the user's file, and so would its `__pycache__`.
    """
    writes_no_bytecode, dtype = sys.dont_write_bytecode, torch.get_default_dtype()
    device = _default_device()
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_no_bytecode
        if torch.get_default_dtype() != dtype:
            torch.set_default_dtype(dtype)
        if _default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)


def _default_device() -> torch.device:
    # `torch.get_default_device` fails in older versions once a default was set and taken back.
    return torch.empty(0).device


def _state(tensor: torch.Tensor) -> _Tensor | None:
    if is_uninitialised(tensor):
        version = counter = None
    else:
        version = None if tensor.is_inference() else tensor._version
        counter = None if version is None else _unsafe_preserve_version_counter(tensor)
    try:
        return _Tensor(
            tensor=tensor,
            cls=type(tensor),
            data=tensor.data,
            requires_grad=tensor.requires_grad,
            is_leaf=tensor.is_leaf,
            gradient=tensor.grad if tensor.is_leaf else None,
            version=version,
            counter=counter,
        )
    except NO_STORAGE:
        return None


def _is_elsewhere(tensor: torch.Tensor, data: torch.Tensor) -> bool:
    """Whether a tensor has other memory than an earlier view of it, or sees it otherwise."""
    if tensor.shape != data.shape or tensor.dtype != data.dtype:
        return True
    try:
        return (
            tensor.untyped_storage()._cdata != data.untyped_storage()._cdata
            or tensor.stride() != data.stride()
            or tensor.storage_offset() != data.storage_offset()
        )
    except NO_STORAGE:
        return tensor.device != data.device


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """A tensor's storage; None where it has none, or holds no values."""
    try:
        storage = tensor.untyped_storage()
        # A fake tensor names a device of its own, and its storage is on the meta device all the same.
        return None if storage.device.type == "meta" else storage
    except NO_STORAGE:
        return None


def _bytes(storage: torch.UntypedStorage) -> torch.Tensor:
    """View a whole storage as bytes: they can be compared and copied whatever they stand for."""
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


def _rescales_its_weight(module: nn.Module) -> bool:
    """Whether every forward may write to the weight, as that of an embedding with `max_norm` does."""
    # Most have no such attribute, and a module that is asked for one takes long to say so.
    is_there = "max_norm" in vars(module) or hasattr(type(module), "max_norm")
    return is_there and module.max_norm is not None


def _copy(container: Container) -> Container:
    if type(container) is dict:  # of which there are most
        return container.copy()
    return dict(container.items()) if isinstance(container, dict) else container.copy()


def _refill(container: Container, before: Container) -> None:
    """Give a container its old entries again, each the same object, without replacing it."""
    if isinstance(container, dict) and isinstance(before, dict):
        if not (_same(container, before) and _same(container.values(), before.values())):
            container.clear()
            container.update(before)
    elif isinstance(container, set) and isinstance(before, set):
        if container != before:
            container.clear()
            container.update(before)
    elif isinstance(container, (list, deque)) and not _same(container, before):
        container.clear()
        container.extend(before)


def _same(one: Collection[Any], other: Collection[Any]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))
