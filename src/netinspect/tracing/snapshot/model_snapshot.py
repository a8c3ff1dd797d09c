"""Snapshot of a model, from which its state is restored after a trace.

Restored on any exit, including exceptions and Ctrl-C:

- attributes, mode, hooks and registered entries of every module, including TorchScript, and the entries
  of containers and objects in them;
- bytes of all buffers, of every tensor that `forward` wrote to, and of tensors whose writes cannot be
  observed: inner tensors of sparse and wrapper tensors, and tensors of TorchScript;
- `requires_grad` and `.grad`, random generators, and torch's default dtype, default device and flags.

Not restored: the state of Python generators, open files, closures, classes and C++ objects, and of
objects of libraries that no module references.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from netinspect.tracing.model.members import entries, named_parameters, parameters
from netinspect.tracing.model.modes import set_mode
from netinspect.tracing.safe_access import (
    by_class,
    class_attribute,
    dispatches,
    give_class,
    give_dictionary,
    state_of,
)
from netinspect.tracing.snapshot.containers import copy_of, refill
from netinspect.tracing.snapshot.delayed_signals import delayed_signals
from netinspect.tracing.snapshot.process_flags import preserved_flags
from netinspect.tracing.snapshot.random_state import preserved_randomness
from netinspect.tracing.snapshot.reachable_objects import ReachableObjects
from netinspect.tracing.snapshot.run_lock import run_lock
from netinspect.tracing.tensors.describe import is_uninitialised
from netinspect.tracing.tensors.inner_tensors import NO_STORAGE, SPARSE


@dataclass(slots=True)
class _Tensor:
    """State of a tensor object other than the bytes in its storage."""

    tensor: torch.Tensor
    cls: type[torch.Tensor]
    data: torch.Tensor | None
    """View of its memory, with which the memory can be restored; None for a tensor class with its own
    dispatch, whose inner tensors are restored instead."""

    requires_grad: bool
    is_leaf: bool
    gradient: torch.Tensor | None
    version: int | None
    counter: Any
    """Restores autograd's version counter. Otherwise, the backward of an existing graph of the user
    would fail, although the saved bytes are restored."""

    hooks: tuple[Any, Any]

    def is_written(self) -> bool:
        """Return whether autograd's version counter has changed."""
        return self.version is not None and self.tensor._version != self.version

    def has_moved(self) -> bool:
        """Return whether the tensor now refers to other memory, which may have been written."""
        if self.data is None or self.version is None or is_uninitialised(self.tensor):
            return False
        return _has_other_memory(self.tensor, self.data)

    def restore(self) -> None:
        """Restore the tensor object."""
        tensor = self.tensor
        if self.data is None:
            pass
        elif type(tensor) is not self.cls:  # a lazy tensor that became a real one
            tensor.data = torch.empty(0, dtype=self.data.dtype, device=self.data.device)
            give_class(tensor, self.cls)
        elif not is_uninitialised(tensor) and _has_other_memory(tensor, self.data):
            tensor.data = self.data
        if self.is_leaf and not tensor.is_leaf:
            # Values with a graph were written to it. Only a view cannot be detached.
            with suppress(RuntimeError):
                tensor.detach_()
        if tensor._backward_hooks is not self.hooks[0]:
            tensor._backward_hooks = self.hooks[0]
        if tensor._post_accumulate_grad_hooks is not self.hooks[1]:
            tensor._post_accumulate_grad_hooks = self.hooks[1]
        if tensor.is_leaf:
            if tensor.requires_grad != self.requires_grad:
                tensor.requires_grad_(self.requires_grad)
            if tensor.grad is not self.gradient:
                tensor.grad = self.gradient


class ModelSnapshot:
    """State of one model.

    Args:
        model: The live module.
        inputs: Arguments of forward, whose tensors are restored like the model's own.
        closures: Whether to restore closures of user functions in the model, such as hooks.
    """

    def __init__(self, model: nn.Module, inputs: Any = (), *, closures: bool = False) -> None:
        reach = ReachableObjects(model, inputs, closures=closures)
        self._model = model
        self._classes = [(module, type(module)) for module in reach.modules]
        self._empty = reach.empty
        self._containers = [(container, copy_of(container)) for container in reach.containers]
        self._dictionaries = reach.dictionaries
        self._slots = reach.slots
        self._cells = reach.cells
        self._scripts = reach.scripts
        self._rewinders = reach.rewinders
        self._arrays = [(array, numpy.ndarray.copy(array)) for array in reach.arrays]
        self._tensors = [state for tensor in reach.tensors if (state := _state(tensor)) is not None]
        self.lazy = any(each.version is None and is_uninitialised(each.tensor) for each in self._tensors)
        """True if the size of some parameter depends on the first input."""

        self._copying_thread: int | None = None
        """Identifier of the thread that is making a copy."""

        self._storages: set[int] = set()
        self._copies: dict[int, tuple[torch.UntypedStorage, torch.Tensor, torch.Tensor]] = {}
        """Copied storages by address: storage, view of its bytes, and copy of its bytes."""

        for state in self._tensors:
            for tensor in (state.data, state.gradient):
                if tensor is not None and (storage := _storage(tensor)) is not None:
                    self._storages.add(storage._cdata)
        for module in reach.modules:
            self._copy_all(tensor for _, tensor in entries(module, "_buffers"))
            if _rescales_its_weight(module):
                self._copy_all(parameters(module))
        self._unobserved = {id(tensor) for tensor in reach.unobserved}
        self._copy_all(reach.unobserved)
        # A backward inside forward adds to the gradients in place.
        self._copy_all(state.gradient for state in self._tensors)

    def about_to_write(self, tensor: torch.Tensor) -> None:
        """Copy the bytes of a tensor's storage, if it belongs to the model or its inputs.

        The tensor may be a view of a parameter, as in `weight.data.mul_(2)`.
        """
        with torch._C.DisableTorchFunction():
            self._copy_storage(tensor)

    def _copy_storage(self, tensor: torch.Tensor) -> None:
        try:
            is_known = tensor.untyped_storage()._cdata in self._storages
        except NO_STORAGE:
            return
        if is_known:
            self._copying_thread = threading.get_ident()
            try:
                self._copy_all((tensor,))
            finally:
                self._copying_thread = None

    @property
    def is_copying(self) -> bool:
        """True while this thread makes a copy, whose operators are not those of the model."""
        return self._copying_thread is not None and self._copying_thread == threading.get_ident()

    def _copy_all(self, tensors: Iterable[torch.Tensor | None]) -> None:
        for tensor in tensors:
            storage = None if tensor is None else _storage(tensor)
            if storage is not None and storage._cdata not in self._copies:
                view = _bytes(storage)
                self._copies[storage._cdata] = storage, view, view.clone()

    def unrestored(self) -> list[str]:
        """Return notes on writes that were not observed and cannot be restored."""
        with torch._C.DisableTorchFunction():
            return list(self._lost())

    def _lost(self) -> Iterator[str]:
        written = [state for state in self._tensors if state.is_written() and not state.has_moved()]
        lost = [state for state in written if not self._is_copied(state)]
        names = {id(each): name for name, each in named_parameters(self._model)} if lost else {}
        for state in lost:
            name = names.get(id(state.tensor), f"a tensor of shape {tuple(state.tensor.shape)}")
            yield f"forward wrote to {name} in a way that cannot be observed; its old values are lost"

    def restore(self) -> None:
        """Restore everything; signals such as Ctrl-C take effect at the end."""
        with delayed_signals(), torch._C.DisableTorchFunction():
            self._restore()

    def _restore(self) -> None:
        for module, cls in self._classes:
            if type(module) is not cls:
                give_class(module, cls)  # a lazy layer that became a real one
        for owner, attributes in self._dictionaries:
            give_dictionary(owner, attributes)
        for container in self._empty:
            if container:
                container.clear()
        for container, before in self._containers:
            refill(container, before)
        for value, descriptor, content in self._slots:
            if descriptor.__get__(value) is not content:
                descriptor.__set__(value, content)
        for cell, content in self._cells:
            cell.cell_contents = content
        for script in self._scripts:
            script.restore()
        # A tensor made in inference mode is writable only in inference mode.
        with torch.inference_mode():
            for storage, view, copy in self._copies.values():
                if storage.nbytes() != copy.numel():
                    storage.resize_(copy.numel())
                if not torch.equal(view, copy):
                    view.copy_(copy)
        for state in self._tensors:
            had_moved = state.is_written() and state.has_moved()
            with suppress(*NO_STORAGE):
                state.restore()
            if state.is_written() and (had_moved or self._is_copied(state)):
                state.counter.__exit__(None, None, None)
        for rewind in self._rewinders:
            rewind()
        for array, array_before in self._arrays:
            if numpy.ndarray.tobytes(array) != array_before.tobytes():
                numpy.ndarray.__setitem__(array, ..., array_before)

    def _is_copied(self, state: _Tensor) -> bool:
        """Return whether the bytes of a tensor or of its inner tensors were copied."""
        if state.data is None or id(state.tensor) in self._unobserved:
            return True
        storage = _storage(state.data)
        if storage is None:
            return state.data.layout in SPARSE
        return storage._cdata in self._copies


@contextmanager
def preserved(model: nn.Module, inputs: Any = (), *, closures: bool = False) -> Iterator[ModelSnapshot]:
    """Restore model, inputs and process state at the end.

    Args:
        model: The live module.
        inputs: Arguments of forward.
        closures: Whether to restore closures of user functions in the model, such as hooks.
    """
    with ExitStack() as stack:
        turn = stack.enter_context(run_lock())
        stack.enter_context(preserved_randomness())
        stack.enter_context(preserved_defaults())
        stack.enter_context(preserved_flags())
        with torch._C.DisableTorchFunction():
            snapshot = ModelSnapshot(model, inputs, closures=closures)
        stack.callback(snapshot.restore)
        stack.callback(turn.close)  # runs in threads of forward end before the model is restored
        yield snapshot


@contextmanager
def snapshot_for_run(
    model: nn.Module, inputs: Any = (), *, training: bool | None
) -> Iterator[ModelSnapshot]:
    """Switch a model to train or eval mode, and restore everything at the end.

    Args:
        model: The live module.
        inputs: Arguments of forward.
        training: True for train mode; None for the mode that each module has.
    """
    with preserved(model, inputs) as snapshot:
        if training is not None:
            set_mode(model, training)
        yield snapshot


@contextmanager
def preserved_defaults() -> Iterator[None]:
    """Restore torch's default dtype and device at the end; write no bytecode files in between.

    A module that forward imports would leave a `__pycache__` in the user's folder.
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
            set_default_device(None if device.type == "cpu" else device)


def set_default_device(device: torch.device | None) -> None:
    """Set torch's default device; None: as if it had never been set."""
    torch.set_default_device(device)
    context = getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None)
    if getattr(context, "device_context", device) is None:
        # Otherwise `torch.get_default_device` fails in torch 2.6.
        del context.device_context  # type: ignore[union-attr]


def _default_device() -> torch.device:
    # `torch.get_default_device` fails in torch 2.6 after a default was set and reset.
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
            data=None if dispatches(type(tensor)) else tensor.data,
            requires_grad=tensor.requires_grad,
            is_leaf=tensor.is_leaf,
            gradient=tensor.grad if tensor.is_leaf else None,
            version=version,
            counter=counter,
            hooks=(tensor._backward_hooks, tensor._post_accumulate_grad_hooks),
        )
    except NO_STORAGE:
        return None


def _has_other_memory(tensor: torch.Tensor, data: torch.Tensor) -> bool:
    """Return whether memory, dtype or layout of a tensor differ from those of an earlier view."""
    if data.layout in SPARSE:
        return True  # each of its inner tensors may have been replaced
    try:
        return (
            tensor.shape != data.shape
            or tensor.dtype != data.dtype
            or tensor.untyped_storage()._cdata != data.untyped_storage()._cdata
            or tensor.stride() != data.stride()
            or tensor.storage_offset() != data.storage_offset()
        )
    except NO_STORAGE:
        return tensor.device != data.device


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """Return a tensor's storage; None if it has no storage or no values."""
    try:
        storage = tensor.untyped_storage()
        # The storage of a fake tensor is on the meta device, whatever device the tensor reports.
        if storage.device.type == "meta":
            return None
        # The storage of a wrapper tensor has a size and no memory.
        return storage if storage.data_ptr() or not storage.nbytes() else None
    except NO_STORAGE:
        return None


def _bytes(storage: torch.UntypedStorage) -> torch.Tensor:
    """View a whole storage as bytes, which can be compared and copied regardless of dtype."""
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


def _rescales_its_weight(module: nn.Module) -> bool:
    """Return whether any forward may write to the weight, as an embedding with `max_norm` does."""
    return state_of(module).get("max_norm", _max_norm_of(type(module))) is not None


@by_class
def _max_norm_of(cls: Any) -> Any:
    return class_attribute(cls, "max_norm")
