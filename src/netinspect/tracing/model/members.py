"""Walks over the modules, parameters and buffers of a model.

They read torch's own dictionaries, in torch's order and each entry once, because a class may override
methods such as `Module.named_modules`. No walk recurses, so that models of any depth can be read.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import nn

from netinspect._utils.classes import defining_module
from netinspect.tracing.safe_access import is_a, items_of, state_of

Table = Literal["_modules", "_parameters", "_buffers"]
TENSORS: tuple[Table, ...] = ("_parameters", "_buffers")

_NOTHING: dict[str, Any] = {}
_SCRIPT = "_actual_script_module"


@functools.cache
def own_attributes() -> frozenset[str]:
    """Return the attributes that the installed torch gives every module, or declares in its class."""
    declared = vars(nn.Module).items()
    return frozenset(vars(nn.Module())).union(
        name for name, value in declared if name.startswith("_") and not callable(value)
    )


def table_of(module: nn.Module, table: Table) -> Any:
    """Return one of torch's own dictionaries of a module; empty if it has no such dictionary."""
    state = state_of(module)
    found = state.get(table)
    if found is None and _SCRIPT in state:  # a traced module wraps the script module
        found = state_of(state[_SCRIPT]).get(table)
    return _NOTHING if found is None else found


def entries(module: nn.Module, table: Table) -> Iterable[tuple[str, Any]]:
    """Return the names and entries of one of torch's dictionaries of a module; some are None."""
    return items_in(table_of(module, table))


def items_in(found: Any) -> Iterable[tuple[str, Any]]:
    """Return the names and entries of a dictionary that `table_of` returned."""
    if type(found) is dict:
        return found.items()
    if is_a(found, dict):
        return items_of(found)
    # TorchScript has dictionaries of its own.
    return found.items() if defining_module(type(found)).startswith("torch.") else _NOTHING.items()


def put(module: nn.Module, table: Table, name: str, value: Any) -> None:
    """Register another object under a registered name."""
    found = table_of(module, table)
    if is_a(found, dict):
        dict.__setitem__(found, name, value)  # also for an OrderedDict, because the key exists
    else:
        found[name] = value
    # Recurrent layers also have a list of their weights.
    state = state_of(module)
    names = state.get("_flat_weights_names")
    if type(names) is list and name in names:
        state["_flat_weights"][names.index(name)] = value


def children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the direct submodules of a module, with their names."""
    table = state_of(module).get("_modules")
    if type(table) is dict and not table:  # most layers
        return []
    return [
        (name, child)
        for name, child in items_in(table_of(module, "_modules"))
        if child is not None and issubclass(type(child), nn.Module)
    ]


def every_path(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module, str | None]]:
    """Yield path, module and alias path of the whole tree, root first, depth first.

    A module with several paths is yielded under each of them, with the first path as `alias_of` from the
    second one on, and entered only once.
    """
    first_paths: dict[int, str] = {}
    stack: list[tuple[str, nn.Module]] = [(prefix, model)]
    while stack:
        path, module = stack.pop()
        alias_of = first_paths.get(id(module))
        yield path, module, alias_of
        if alias_of is None:
            first_paths[id(module)] = path
            if inner := children(module):
                stack += reversed([(join_path(path, name), child) for name, child in inner])


def join_path(path: str, name: str) -> str:
    """Append a name to a dotted path."""
    return f"{path}.{name}" if path else name


def named_modules(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield each module once, with its first path."""
    return ((path, module) for path, module, alias_of in every_path(model, prefix) if alias_of is None)


def modules(model: nn.Module) -> list[nn.Module]:
    """Return each module once."""
    found: dict[int, nn.Module] = {}
    stack = [model]
    while stack:
        module = stack.pop()
        if id(module) not in found:
            found[id(module)] = module
            if inner := children(module):
                stack += reversed([child for _, child in inner])
    return list(found.values())


def find_module(model: nn.Module, path: str) -> nn.Module | None:
    """Return the module at a path; None if the path is unknown."""
    found: nn.Module | None = model
    for name in path.split(".") if path else ():
        found = None if found is None else dict(children(found)).get(name)
    return found


def named_parameters(
    model: nn.Module, *, duplicates: bool = False
) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield each parameter once, with its first name; with `duplicates`, under each of its names."""
    return _named(model, "_parameters", duplicates=duplicates)


def parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """Yield each parameter once."""
    return (parameter for _, parameter in named_parameters(model))


def named_buffers(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield each buffer once, with its first name."""
    return _named(model, "_buffers", duplicates=False)


def buffers(model: nn.Module) -> Iterator[torch.Tensor]:
    """Yield each buffer once."""
    return (buffer for _, buffer in named_buffers(model))


def registered_tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    """Yield every parameter and buffer, under each of its names."""
    for module in modules(model):
        for table in TENSORS:
            for _, tensor in entries(module, table):
                if tensor is not None:
                    yield tensor


def _named(model: nn.Module, table: Table, *, duplicates: bool) -> Iterator[tuple[str, Any]]:
    seen: dict[int, Any] = {}  # TorchScript dictionaries create tensors on each read: keep them alive
    walk = under_each_path(model) if duplicates else named_modules(model)
    for path, module in walk:
        for name, tensor in entries(module, table):
            if tensor is not None and (duplicates or id(tensor) not in seen):
                seen[id(tensor)] = tensor
                yield join_path(path, name), tensor


def under_each_path(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield each module under each of its paths, including paths through a module with several paths."""
    for path, module, alias_of in every_path(model, prefix):
        yield from [(path, module)] if alias_of is None else named_modules(module, path)
