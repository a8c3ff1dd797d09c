"""Snapshot of a model, which restores its state after a trace.

What is put back: the attributes, mode, hooks and registered entries of every module, of TorchScript
too, and the entries of the containers and objects in them; the bytes of all buffers, of every tensor
that `forward` was seen writing to, and of those where no write can be seen: parts of sparse and of
wrapped tensors, and tensors of TorchScript; `requires_grad` and `.grad`; the state of random
generators; torch's default dtype and device, and its switches. It is put back on any exit, exceptions
and Ctrl-C included.

What cannot be put back: what a Python generator, an open file, a closure, a class or an object of C++
holds, and what objects of libraries hold that no module leads to.
"""

from __future__ import annotations

import signal
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
from netinspect.tracing.snapshot.process_flags import preserved_switches
from netinspect.tracing.snapshot.random_state import preserved_randomness
from netinspect.tracing.snapshot.reachable_objects import ReachableObjects
from netinspect.tracing.tensors.describe import is_uninitialised
from netinspect.tracing.tensors.inner_tensors import NO_STORAGE, SPARSE


@dataclass(slots=True)
class _Tensor:
    """State of a tensor object other than the bytes in its storage."""

    tensor: torch.Tensor
    cls: type[torch.Tensor]
    data: torch.Tensor | None
    """A second view of its memory, to which it can be pointed again; None for a tensor whose class
    makes views by code of its own: the tensors in it are looked after instead."""

    requires_grad: bool
    is_leaf: bool
    gradient: torch.Tensor | None
    version: int | None
    counter: Any
    """Sets autograd's count of writes back: a graph of the user's that waits for its backward would
    refuse to run, though the bytes that it saved are the same again."""

    hooks: tuple[Any, Any]

    def is_written(self) -> bool:
        """Return whether autograd counts another number of writes."""
        return self.version is not None and self.tensor._version != self.version

    def is_elsewhere(self) -> bool:
        """Return whether the tensor now refers to other memory, which may have been written."""
        if self.data is None or self.version is None or is_uninitialised(self.tensor):
            return False
        return _is_elsewhere(self.tensor, self.data)

    def put_back(self) -> None:
        """Make the tensor object what it was."""
        tensor = self.tensor
        if self.data is None:
            pass
        elif type(tensor) is not self.cls:  # a lazy tensor that became a real one
            tensor.data = torch.empty(0, dtype=self.data.dtype, device=self.data.device)
            give_class(tensor, self.cls)
        elif not is_uninitialised(tensor) and _is_elsewhere(tensor, self.data):
            tensor.data = self.data
        if self.is_leaf and not tensor.is_leaf:
            # Values with a graph were written to it; only a view cannot be taken out of its graph.
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
    """One model under observation.

    Args:
        model: The live module.
        inputs: What forward will be given; its tensors are looked after like the model's own.
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
        """Whether some parameter has a size that depends on the first input."""

        self._copying_thread: int | None = None
        """Identifier of the thread that is making a copy."""

        self._watched: set[int] = set()
        self._copies: dict[int, tuple[torch.UntypedStorage, torch.Tensor, torch.Tensor]] = {}
        """By its address: a storage, a view of its bytes, and what they were."""

        for state in self._tensors:
            for tensor in (state.data, state.gradient):
                if tensor is not None and (storage := _storage(tensor)) is not None:
                    self._watched.add(storage._cdata)
        for module in reach.modules:
            self._copy_all(tensor for _, tensor in entries(module, "_buffers"))
            if _rescales_its_weight(module):
                self._copy_all(parameters(module))
        self._unseen = {id(tensor) for tensor in reach.unseen}
        self._copy_all(reach.unseen)
        # A backward inside forward adds to the gradients in place.
        self._copy_all(state.gradient for state in self._tensors)

    def about_to_write(self, tensor: torch.Tensor) -> None:
        """Keep the bytes of a tensor's storage, if it is one of the model's or of its inputs'.

        The tensor may be another one on that storage, as in `weight.data.mul_(2)`.
        """
        with torch._C.DisableTorchFunction():
            self._keep(tensor)

    def _keep(self, tensor: torch.Tensor) -> None:
        try:
            is_watched = tensor.untyped_storage()._cdata in self._watched
        except NO_STORAGE:
            return
        if is_watched:
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
        """Name what changed in a way that was not foreseen, and so cannot be put back."""
        with torch._C.DisableTorchFunction():
            return list(self._lost())

    def _lost(self) -> Iterator[str]:
        written = [state for state in self._tensors if state.is_written() and not state.is_elsewhere()]
        lost = [state for state in written if not self._kept(state)]
        names = {id(each): name for name, each in named_parameters(self._model)} if lost else {}
        for state in lost:
            name = names.get(id(state.tensor), f"a tensor of shape {tuple(state.tensor.shape)}")
            yield f"forward wrote to {name} unforeseen; its old values are lost"

    def restore(self) -> None:
        """Put everything back; a Ctrl-C meanwhile takes effect at the end."""
        with _uninterrupted(), torch._C.DisableTorchFunction():
            self._restore()

    def _restore(self) -> None:
        for module, cls in self._classes:
            if type(module) is not cls:
                give_class(module, cls)  # a lazy layer that became a real one
        for owner, held in self._dictionaries:
            give_dictionary(owner, held)
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
        # Outside of inference mode, a tensor that was made in it may not be written to.
        with torch.inference_mode():
            for storage, view, copy in self._copies.values():
                if storage.nbytes() != copy.numel():
                    storage.resize_(copy.numel())
                if not torch.equal(view, copy):
                    view.copy_(copy)
        for state in self._tensors:
            was_elsewhere = state.is_written() and state.is_elsewhere()
            with suppress(*NO_STORAGE):
                state.put_back()
            if state.is_written() and (was_elsewhere or self._kept(state)):
                state.counter.__exit__(None, None, None)
        for rewind in self._rewinders:
            rewind()
        for array, array_before in self._arrays:
            if numpy.ndarray.tobytes(array) != array_before.tobytes():
                numpy.ndarray.__setitem__(array, ..., array_before)

    def _kept(self, state: _Tensor) -> bool:
        """Return whether the bytes of a tensor, or of all that it is made of, were copied."""
        if state.data is None or id(state.tensor) in self._unseen:
            return True
        storage = _storage(state.data)
        if storage is None:
            return state.data.layout in SPARSE
        return storage._cdata in self._copies


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Have a Ctrl-C take effect at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[Any] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, lambda *args: pressed.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            before(*pressed[0])


@contextmanager
def preserved(model: nn.Module, inputs: Any = (), *, closures: bool = False) -> Iterator[ModelSnapshot]:
    """Put everything back at the end.

    Args:
        model: The live module.
        inputs: What forward will be given.
        closures: Whether the variables of functions that modules hold, such as hooks, are put back too.
    """
    with ExitStack() as stack:
        stack.enter_context(preserved_randomness())
        stack.enter_context(preserved_defaults())
        stack.enter_context(preserved_switches())
        with torch._C.DisableTorchFunction():
            snapshot = ModelSnapshot(model, inputs, closures=closures)
        stack.callback(snapshot.restore)
        yield snapshot


@contextmanager
def snapshot_for_run(model: nn.Module, inputs: Any = (), *, training: bool) -> Iterator[ModelSnapshot]:
    """Switch a model to one mode, and put everything back at the end.

    Args:
        model: The live module.
        inputs: What forward will be given.
        training: The mode that it is to run in.
    """
    with preserved(model, inputs) as snapshot:
        set_mode(model, training)
        yield snapshot


@contextmanager
def preserved_defaults() -> Iterator[None]:
    """Put torch's default dtype and device back at the end, and leave no bytecode files meanwhile.

    What forward imports is in the folder of the user's file, and so would its `__pycache__` be.
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


def _is_elsewhere(tensor: torch.Tensor, data: torch.Tensor) -> bool:
    """Return whether a tensor has other memory than an earlier view of it, or sees it otherwise."""
    if data.layout in SPARSE:
        return True  # it is identified by its parts, and each may have been replaced
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
    """A tensor's storage; None if it has none, or holds no values."""
    try:
        storage = tensor.untyped_storage()
        # A fake tensor names a device of its own, and its storage is on the meta device all the same.
        if storage.device.type == "meta":
            return None
        # That of a tensor which wraps others has a size, and no memory.
        return storage if storage.data_ptr() or not storage.nbytes() else None
    except NO_STORAGE:
        return None


def _bytes(storage: torch.UntypedStorage) -> torch.Tensor:
    """View a whole storage as bytes: they can be compared and copied regardless of dtype."""
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


def _rescales_its_weight(module: nn.Module) -> bool:
    """Return whether any forward may write to the weight, as an embedding with `max_norm` does."""
    return state_of(module).get("max_norm", _max_norm_of(type(module))) is not None


@by_class
def _max_norm_of(cls: Any) -> Any:
    return class_attribute(cls, "max_norm")
