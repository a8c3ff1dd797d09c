"""Allocation tracker: storages that each operation allocates, with their module and lifetime.

Totals are computed later from the record. A weak reference to each storage detects its end, whether a
variable, autograd or an optimizer held it. Temporary allocations inside a kernel are not recorded.
"""

from __future__ import annotations

import bisect
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from netinspect._utils.units import size
from netinspect.memory_tracker.fake_tensors import real_tensors
from netinspect.memory_tracker.workload import Observer
from netinspect.records.base import field_names
from netinspect.records.memory import Allocation, Kind, MemoryStep, Phase
from netinspect.tracing.model.members import Table, entries, modules, named_modules, parameters
from netinspect.tracing.tensors.describe import tensors_within
from netinspect.tracing.tensors.inner_tensors import (
    NO_STORAGE,
    bytes_of,
    is_plain,
    memory_key,
    memory_of,
)
from netinspect.tracing.tensors.packed_weights import packed_objects, packed_tensors

_KINDS: tuple[tuple[Table, Kind], ...] = (("_parameters", "parameter"), ("_buffers", "buffer"))


@dataclass(slots=True)
class _Storage:
    """Record of one storage."""

    bytes: int
    born: int
    module: str
    recomputed: bool
    kind: Kind = "made"
    died: int | None = None
    counted: bool = True
    unused: int = 0
    """Bytes that no inner tensor of a weight uses, as after a conversion to a sparse layout."""


class OverLimit(Exception):
    """Raised if a run with values exceeds its memory limit."""


class AllocationTracker(Observer, TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Dispatch mode that records every storage that an operation allocates.

    Args:
        model: Model with the initial parameters and buffers, and the modules that storages belong to.
        inputs: Arguments of forward.
        host_steps: Whether step counters of an optimizer are in host memory, as with a GPU, and
            therefore not counted.
        limit: Maximum bytes of all storages together; None for no limit.
    """

    def __init__(
        self, model: nn.Module, inputs: Any, *, host_steps: bool = False, limit: int | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._host_steps = host_steps
        self._limit = limit
        self._bytes = 0
        """Bytes of all live storages."""

        self.steps = [MemoryStep(phase="start", iteration=0, module="", operation="")]
        self._phase: Phase = "start"
        self._iteration = 0
        self._storages: list[_Storage] = []
        self._live: dict[int, tuple[int, Any]] = {}
        """Index in the list and weak reference of each live storage, by its address."""

        self._callers_by_thread: dict[int, list[str]] = {}
        """Paths of running modules by thread, innermost last."""

        self._lock = threading.RLock()

        self._graph_numbers: list[int] = []
        self._graph_modules: list[str] = []
        """Modules of autograd nodes: each module owns the nodes from its number to the next one."""

        self._paths = {id(module): path for path, module in named_modules(model)}
        self._parameters: dict[int, str] = {}
        """Path of the module of each parameter, by address."""

        self._used: dict[Any, dict[Any, int]] = {}
        """Bytes that inner tensors of weights use in each storage, by its address; without a storage, by
        the key of the inner tensor."""

        self._handles: list[Any] = []
        self._model = model
        for path, module in named_modules(model):
            for parameter in dict(entries(module, "_parameters")).values():
                if parameter is not None and id(parameter) not in self._parameters:
                    self._parameters[id(parameter)] = path
                    self._mark_weight(parameter, "parameter", path)
            for buffer in dict(entries(module, "_buffers")).values():
                if buffer is not None:
                    self._mark_weight(buffer, "buffer", path)
        self._mark_packed()
        for tensor in tensors_within(inputs):
            self._mark(tensor, "input", "")

    @property
    def _callers(self) -> list[str]:
        return self._callers_by_thread.setdefault(threading.get_ident(), [])

    @property
    def phase(self) -> Phase:
        """Current phase."""
        return self._phase

    def enter_phase(self, phase: Phase, iteration: int) -> None:
        """Begin a phase."""
        self._mark_registered_tensors()
        self._phase, self._iteration = phase, iteration

    def _mark_registered_tensors(self) -> None:
        """Mark tensors that forward registered as parameters or buffers."""
        for path, module in named_modules(self._model):
            for table, kind in _KINDS:
                for tensor in dict(entries(module, table)).values():
                    is_new = tensor is not None and id(tensor) not in self._parameters
                    if is_new and any(each._cdata in self._live for each in _storages(tensor)):
                        self._mark(tensor, kind, path)

    def mark_gradients(self) -> None:
        """Mark the gradients of all parameters."""
        for parameter in parameters(self._model):
            self._mark_gradient(parameter)

    def mark_states(self, optimizer: torch.optim.Optimizer) -> None:
        """Mark the states of an optimizer, and weights that it replaced."""
        for weight in parameters(self._model):
            if not is_plain(weight):  # a step replaces the values of a sparse weight
                self._mark_weight(weight, "parameter", self._parameters.get(id(weight), ""))
        for parameter, states in optimizer.state.items():
            for name, state in states.items():
                for leaf in tree_leaves(state):
                    if isinstance(leaf, torch.Tensor):
                        self._mark(leaf, "optimizer_state", self._parameters.get(id(parameter), ""))
                        if name == "step" and self._host_steps:
                            self._exclude(leaf)

    def allocations(self) -> tuple[Allocation, ...]:
        """Return all recorded allocations, in order."""
        names = field_names(Allocation)
        return tuple(
            Allocation(**{name: getattr(each, name) for name in names})
            for each in self._storages
            if each.bytes and each.counted
        )

    def __enter__(self) -> Self:
        for module in modules(self._model):
            self._handles.append(
                nn.Module.register_forward_pre_hook(module, self._enter_module, prepend=True)
            )
            self._handles.append(
                nn.Module.register_forward_hook(module, self._leave_module, always_call=True)
            )
        for parameter in parameters(self._model):
            if parameter.requires_grad and parameter.is_leaf:
                handle = parameter.register_post_accumulate_grad_hook(self._mark_gradient)  # type: ignore[no-untyped-call]
                self._handles.append(handle)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)  # type: ignore[no-untyped-call]
        self._mark_registered_tensors()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        # Frees after the run are not recorded.
        self._live.clear()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation. Called by torch, with this mode off."""
        with self._lock:
            return self._run(func, args, kwargs or {})

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._phase == "optimizer" and func is torch.ops.aten._local_scalar_dense.default:
            # Adafactor reads its step counter and norms, whose values do not change the memory.
            return 1.0
        result = func(*args, **kwargs)
        made = [
            storage
            for leaf in tree_leaves(result)
            if isinstance(leaf, torch.Tensor)
            for storage in _storages(leaf)
            if self._is_new(storage)
        ]
        if made:
            module = self._caller()
            self.steps.append(
                MemoryStep(
                    phase=self._phase,
                    iteration=self._iteration,
                    module=module,
                    operation=str(func).rpartition(".")[0] or str(func),
                )
            )
            for storage in made:
                if self._is_new(storage):  # an operation may return one storage twice
                    self._add(storage, module)
            if self._limit is not None and self._bytes > self._limit:
                raise OverLimit(f"it exceeds {size(self._limit)}")
        return result

    def _is_new(self, storage: torch.UntypedStorage) -> bool:
        known = self._live.get(storage._cdata)
        return (
            known is None
            or self._storages[known[0]].bytes + self._storages[known[0]].unused != storage.nbytes()
        )

    def _add(self, storage: torch.UntypedStorage, module: str) -> int:
        address = storage._cdata
        if (known := self._live.get(address)) is not None:  # it was resized
            self._storages[known[0]].died = len(self.steps) - 2
            self._bytes -= self._storages[known[0]].bytes
        self._bytes += storage.nbytes()
        index = len(self._storages)
        self._storages.append(
            _Storage(
                bytes=storage.nbytes(),
                born=len(self.steps) - 1,
                module=module,
                recomputed=self._phase == "backward" and bool(self._callers),
            )
        )
        self._live[address] = index, weakref.ref(storage, partial(self._end, address, index))
        return index

    def _end(self, address: int, index: int, _: Any) -> None:
        known = self._live.get(address)
        if known is not None and known[0] == index:
            self._storages[index].died = len(self.steps) - 1
            self._bytes -= self._storages[index].bytes
            del self._live[address]

    def _mark_weight(self, tensor: torch.Tensor, kind: Kind, module: str) -> None:
        """Mark a parameter or buffer, with the bytes that other commands report."""
        self._mark(tensor, kind, module)
        if is_plain(tensor) or tensor.device.type == "meta":
            return
        with torch._C.DisableTorchFunction():
            parts = {memory_key(part): part for part in memory_of(tensor)}
            sizes = {key: bytes_of(part) for key, part in parts.items()}
        for key, part in parts.items():
            for storage in _storages(part):
                known = self._live.get(storage._cdata)
                used = self._used.setdefault(storage._cdata, {})
                used[key] = sizes[key]
                if known is not None:
                    entry = self._storages[known[0]]
                    entry.unused = max(0, storage.nbytes() - sum(used.values()))
                    entry.bytes = storage.nbytes() - entry.unused
            if (
                not _storages(part) and key not in self._used
            ):  # not tracked as a storage, such as oneDNN's tensors
                self._used[key] = {}
                self._storages.append(
                    _Storage(bytes=sizes[key], born=0, module=module, recomputed=False, kind=kind)
                )

    def _mark(self, tensor: torch.Tensor, kind: Kind, module: str) -> None:
        for storage in _storages(tensor):
            known = self._live.get(storage._cdata)
            if known is None:
                index = self._add(storage, module)
            elif self._storages[known[0]].kind != "made":
                continue  # a gradient in a parameter's own memory stays a parameter
            else:
                index = known[0]
            self._storages[index].kind = kind
            self._storages[index].module = module

    def _mark_packed(self) -> None:
        """Record packed weights of quantized layers as buffers, as other commands report them.

        Their memory belongs to C++ objects, which only return copies, and lives as long as the model.
        """
        packed = {
            id(each): (path, each)
            for path, module in named_modules(self._model)
            for _, each in packed_objects(module)
        }
        for path, each in packed.values():
            with real_tensors():
                sizes = [bytes_of(tensor) for _, tensor in packed_tensors(each)]
            for each_size in sizes:
                self._storages.append(
                    _Storage(bytes=each_size, born=0, module=path, recomputed=False, kind="buffer")
                )

    def _exclude(self, tensor: torch.Tensor) -> None:
        for storage in _storages(tensor):
            known = self._live.pop(storage._cdata, None)
            if known is not None:
                self._storages[known[0]].counted = False

    def _mark_gradient(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            self._mark(parameter.grad, "gradient", self._parameters.get(id(parameter), ""))

    def _enter_module(self, module: nn.Module, _: Any) -> None:
        self._callers.append(self._paths.get(id(module), ""))
        self._record_graph_number()

    def _leave_module(self, *_: Any) -> None:
        if self._callers:
            self._callers.pop()
        self._record_graph_number()

    def _record_graph_number(self) -> None:
        number = _next_graph_number()
        if number is not None and (not self._graph_numbers or number >= self._graph_numbers[-1]):
            self._graph_numbers.append(number)
            self._graph_modules.append(self._callers[-1] if self._callers else "")

    def _caller(self) -> str:
        if self._callers:
            return self._callers[-1]
        number = _running_graph_number() if self._phase == "backward" else None
        if number is None:
            return ""
        index = bisect.bisect_right(self._graph_numbers, number) - 1
        return self._graph_modules[index] if index >= 0 else ""


def _storages(tensor: torch.Tensor) -> list[torch.UntypedStorage]:
    """Return the storages of a tensor or of its inner tensors; empty on the meta device."""
    if tensor.device.type == "meta":
        return []
    if is_plain(tensor):
        return [tensor.untyped_storage()]
    found = []
    with torch._C.DisableTorchFunction():
        for part in memory_of(tensor):
            with suppress(*NO_STORAGE):  # a layout such as oneDNN's
                found.append(part.untyped_storage())
    return found


def _next_graph_number() -> int | None:
    """Return the sequence number of autograd's next node, if this torch exposes it."""
    next_number = getattr(torch.autograd, "_get_sequence_nr", None)
    return None if next_number is None else int(next_number())


def _running_graph_number() -> int | None:
    """Return the sequence number of the node whose backward is running, if this torch exposes it."""
    current_node = getattr(torch._C, "_current_autograd_node", None)
    node = None if current_node is None else current_node()
    return None if node is None else int(node._sequence_nr())
