"""Unregistered tensors: tensors of a module that require gradients but are not registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from netinspect.records.tensors import Unregistered
from netinspect.tracing.model.members import join_path, named_modules, registered_tensors
from netinspect.tracing.safe_access import is_a, items_of, state_of, text_of, values_of
from netinspect.tracing.tensors.describe import registered_spec

_TABLES = frozenset(("_parameters", "_buffers", "_modules"))
_MAXIMUM_DEPTH = 4
_MAXIMUM_ENTRIES = 4096
"""Maximum size of a container that is read."""

_ATOMS = frozenset(map(id, (bool, int, float, complex, str, bytes, type(None), torch.dtype)))


def unregistered_tensors(model: nn.Module) -> tuple[Unregistered, ...]:
    """Return the autograd leaves that modules hold as plain attributes or in lists and dictionaries.

    `model.parameters()` misses them, so an optimizer does not train them and `state_dict` does not save
    them. Tensors of unregistered modules are not included.
    """
    known = {id(tensor) for tensor in registered_tensors(model)}
    found: list[Unregistered] = []
    for path, module in named_modules(model):
        state = state_of(module)
        for name, value in state.items():
            if name in _TABLES or id(type(value)) in _ATOMS:
                continue
            for inner, tensor in _tensors_in(name, value, 0):
                if id(tensor) not in known and tensor.requires_grad and tensor.is_leaf:
                    known.add(id(tensor))
                    found.append(Unregistered(name=join_path(path, inner), spec=registered_spec(tensor)))
    return tuple(found)


def _tensors_in(name: str, value: Any, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if is_a(value, torch.Tensor):
        yield name, value
    elif depth < _MAXIMUM_DEPTH:
        for key, entry in _entries(value):
            if id(type(entry)) not in _ATOMS:
                yield from _tensors_in(f"{name}.{key}", entry, depth + 1)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if is_a(value, dict) and dict.__len__(value) <= _MAXIMUM_ENTRIES:
        for key, entry in items_of(value):
            yield text_of(key) if not is_a(key, str) else str.__str__(key), entry
    elif is_a(value, (list, tuple)) and not is_a(value, torch.Size):
        for index, entry in zip(range(_MAXIMUM_ENTRIES), values_of(value), strict=False):
            yield str(index), entry
