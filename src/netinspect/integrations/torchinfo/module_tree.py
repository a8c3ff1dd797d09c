"""Modules of a trace with their live objects, their paths and their parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from netinspect.integrations.torchinfo.layer_info import Amounts
from netinspect.records.modules import Module
from netinspect.records.trace import Trace

if TYPE_CHECKING:
    from netinspect.records.tensors import Parameter


class ModuleTree:
    """Modules, paths and parameters of a model.

    Args:
        trace: The trace.
        model: The live model.
    """

    def __init__(self, trace: Trace, model: nn.Module) -> None:
        self.modules = {module.path: module for module in trace.modules}
        self.live = dict(_live_modules(model))
        self.masks = {buffer.name: buffer for buffer in trace.buffers if buffer.name.endswith("_mask")}
        self.aliases = defaultdict[str, list[str]](list)
        """Further paths of modules by their first path."""

        for module in trace.modules:
            if module.alias_of is not None:
                self.aliases[module.alias_of].append(module.path)
        self.parameters = defaultdict[str, list["Parameter"]](list)
        """Parameters by the path of the module that holds them."""

        self.branches = defaultdict[str, dict[int, "Parameter"]](dict)
        """Parameters of a module and of all modules in it, by path and identity."""

        self.sizes: dict[int, int] = {}
        """Elements by identity; of a pruned parameter those that its mask leaves."""

        self.trainable: set[int] = set()
        self._sums: dict[str, Amounts] = {}
        for parameter in trace.parameters:
            self.parameters[parameter.module].append(parameter)
            for path in upwards(parameter.module):
                self.branches[path].setdefault(parameter.identity, parameter)
            self.sizes.setdefault(parameter.identity, self._elements(parameter))
            if parameter.trainable:
                self.trainable.add(parameter.identity)

    def first_path(self, path: str) -> str:
        """Return the path under which the modules in an alias are listed."""
        module = self.modules.get(path)
        return path if module is None or module.alias_of is None else module.alias_of

    def paths_of(self, path: str) -> Iterator[str]:
        """Yield every path that leads to the module of a first path, that one first."""
        yield path
        for above in upwards(path):
            for alias in self.aliases.get(above, ()):
                yield alias + path[len(above) :]

    def module_at(self, path: str) -> Module:
        """Return the module at a path, which may lead through an alias."""
        found = self.modules.get(path)
        if found is not None:
            return found if found.alias_of is None else self.modules[found.alias_of]
        above, _, name = path.rpartition(".")
        return self.module_at(f"{self.module_at(above).path}.{name}")

    def amounts(self, parameters: Mapping[int, Parameter]) -> Amounts:
        """Return the sums over parameters by identity."""
        return Amounts(
            params=sum(self.sizes[identity] for identity in parameters),
            trainable=sum(self.sizes[each] for each in parameters if each in self.trainable),
            bytes=sum(parameter.counted_bytes for parameter in parameters.values()),
        )

    def branch_amounts(self, path: str) -> Amounts:
        """Return the sums over the parameters of a module and of all modules in it."""
        if path not in self._sums:
            self._sums[path] = self.amounts(self.branches[path])
        return self._sums[path]

    def _elements(self, parameter: Parameter) -> int:
        """Return the elements of a parameter, less those that `torch.nn.utils.prune` masks."""
        stem = parameter.name.removesuffix("_orig")
        mask = self.masks.get(f"{stem}_mask") if stem != parameter.name else None
        if mask is None or mask.spec.shape != parameter.spec.shape:
            return parameter.spec.elements
        holder = self.live.get(parameter.module)
        values = (
            None if holder is None else entries_of(holder, "_buffers").get(mask.name.rpartition(".")[2])
        )
        if not isinstance(values, torch.Tensor) or values.device.type == "meta":
            return parameter.spec.elements
        return int(torch.count_nonzero(values.detach()))


def upwards(path: str) -> Iterator[str]:
    """Yield a path and those of all modules above it, up to the root."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def _live_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield each live module once with its first path, read from torch's own dictionaries."""
    seen: set[int] = set()
    waiting: list[tuple[str, nn.Module]] = [("", model)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        inner = [
            (f"{path}.{name}" if path else name, child)
            for name, child in entries_of(module, "_modules").items()
            if isinstance(child, nn.Module)
        ]
        waiting += reversed(inner)


def entries_of(module: nn.Module, table: str) -> Mapping[str, Any]:
    """Return one of torch's dictionaries of a module."""
    found = module.__dict__.get(table)
    return {} if found is None else dict(found.items())
