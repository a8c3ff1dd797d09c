"""Index of the modules and tensors that are registered in a model, by address.

`recording/call_stack.py` creates one for each run, and the recorder keeps it current. It gives calls
their paths, and tensors their names.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn

from netinspect.tracing.model.members import (
    TENSORS,
    Table,
    entries,
    every_path,
    items_in,
    named_modules,
    table_of,
)
from netinspect.tracing.tensors.packed_weights import packed_objects, packed_tensors

_MAX_SEARCHES = 64
"""Maximum number of unregistered modules for which the whole model is searched."""

_OWN_TABLES: tuple[Table, ...] = ("_parameters", "_modules")


class Entry(NamedTuple):
    """A registered module."""

    module: nn.Module
    path: str
    tensors: tuple[Mapping[str, torch.Tensor | None], ...]
    """Tables of its own parameters and buffers; empty if it has none."""


class Registered:
    """The modules, parameters and buffers of a model.

    Args:
        model: The model, which keeps its registered objects alive while this is in use.
    """

    def __init__(self, model: nn.Module) -> None:
        self.packed: dict[int, list[str]] = {}
        """Names of the tensors in the packed objects of quantized layers."""

        self.unread: list[str] = []
        """Objects of C++ classes that do not expose their tensors."""

        self.tensors: dict[int, str] = {}
        """The first name of each parameter and buffer."""

        self._model = model
        self._modules: dict[int, Entry] = {}
        self._names: set[str] = set()
        self._has_grown = False
        self._not_found: dict[int, weakref.ref[nn.Module]] = {}
        """Modules that a search did not find registered, by address."""

        self.refresh()

    def refresh(self) -> list[nn.Module]:
        """Add what was registered since the last call; return the new modules."""
        self._has_grown = False
        added: list[nn.Module] = []
        for path, module in named_modules(self._model):
            if id(module) not in self._modules:
                added.append(module)
                self._add(path, module)
        return added

    def _add(self, path: str, module: nn.Module) -> None:
        prefix = f"{path}." if path else ""
        tensors = tuple(each for table in TENSORS if items_in(each := table_of(module, table)))
        self._modules[id(module)] = Entry(module, path, tensors)
        for own in tensors:
            for name, tensor in items_in(own):
                if tensor is not None:
                    self.tensors.setdefault(id(tensor), prefix + name)
                    self._names.add(prefix + name)
        for attribute, packed in packed_objects(module):
            self.packed[id(packed)] = names = [
                f"{prefix}{attribute}.{name}" for name, _ in packed_tensors(packed)
            ]
            self.unread += () if names else (prefix + attribute,)

    def note_module(self, module: nn.Module, name: str, child: object) -> None:
        """Record that a module registers a submodule."""
        self._has_grown |= id(module) in self._modules

    def note_tensor(self, module: nn.Module, name: str, tensor: object) -> None:
        """Record that a module registers a parameter or buffer."""
        entry = self._modules.get(id(module))
        if entry is not None and tensor is not None:
            self._names.add(f"{entry.path}.{name}" if entry.path else name)
            tables = tuple(table_of(module, table) for table in TENSORS)
            if len(entry.tensors) < len(tables):
                self._modules[id(module)] = entry._replace(tensors=tables)

    def is_new(self, module: nn.Module) -> bool:
        """Return whether a module may have been registered since this object was created."""
        if id(module) in self._modules:
            return False
        known = self._not_found.get(id(module))
        is_known = known is not None and known() is module
        is_bare = not any(any(entries(module, table)) for table in _OWN_TABLES)
        if is_known or is_bare or len(self._not_found) >= _MAX_SEARCHES:
            return self._has_grown
        # Code that writes to `_modules` directly, as `nn.ModuleList.insert` does, triggers no hook.
        self._not_found[id(module)] = weakref.ref(module)
        return True

    def has_all_tensors_of(self, module: nn.Module) -> bool:
        """Return whether all of a module's own parameters are registered in the model."""
        return all(
            id(tensor) in self.tensors
            for _, tensor in items_in(table_of(module, "_parameters"))
            if tensor is not None
        )

    def modules(self) -> Iterator[nn.Module]:
        """Yield each module once."""
        return (entry.module for entry in self.entries())

    def moved(self) -> dict[int, str]:
        """Return the new paths of modules that are now registered under another path, by address."""
        paths = {path: id(module) for path, module, _ in every_path(self._model)}
        first = {address: path for path, address in reversed(paths.items())}
        return {
            address: first[address]
            for address, entry in self._modules.items()
            if address in first and paths.get(entry.path) != address
        }

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters of all these modules."""
        for module in self.modules():
            for _, tensor in items_in(table_of(module, "_parameters")):
                if isinstance(tensor, nn.Parameter):
                    yield tensor

    def entries(self) -> list[Entry]:
        """Return the entries of all modules."""
        return list(self._modules.values())

    def find(self, module: nn.Module) -> Entry | None:
        """Return the entry of a module; None for a copy of one, or one that is not registered."""
        entry = self._modules.get(id(module))
        return entry if entry is not None and entry.module is module else None

    def replaced_names(self, entry: Entry, tensor: torch.Tensor) -> Sequence[str]:
        """Return the names under which a tensor replaces a registered one, as in a functional call."""
        found: list[str] = []
        for own in entry.tensors:
            for name, each in items_in(own):
                if each is tensor:
                    found.append(f"{entry.path}.{name}" if entry.path else name)
        return [name for name in found if name in self._names] if found else ()
