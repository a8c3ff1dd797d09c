"""Registrations that forward adds, replaces or removes, found by comparison after a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.records.base import replace
from netinspect.records.modules import Change, Module
from netinspect.records.steps import Origin, Step
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.values import TensorSpec
from netinspect.tracing.model.members import (
    TENSORS,
    entries,
    every_path,
    join_path,
    under_each_path,
)
from netinspect.tracing.model.registered import Entry, Registered
from netinspect.tracing.model.static_walk import named_tensors, walk_modules, walk_tensors
from netinspect.tracing.tensors.describe import is_uninitialised, tensor_spec

_LISTED = 3
"""Maximum number of changes of one kind that a note names."""


class Whole(NamedTuple):
    """Trace entries of a model that forward has changed."""

    modules: tuple[Module, ...]
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    output_origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class After:
    """State of a model after a forward that changed its registrations."""

    changes: tuple[Change, ...]
    modules: tuple[Module, ...]
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    live: Mapping[str, torch.Tensor]
    """Tensors registered after forward, by name."""

    temporary: After | None = None
    """Modules and tensors that forward registered and removed again."""

    def notes(self) -> Iterator[str]:
        """Describe the changes that forward made."""
        for kind, result in (
            ("made", "the counts include it, though the model has it only after a run"),
            ("replaced", "the counts are those after the run"),
            ("removed", "the counts leave it out, unless it was called before"),
        ):
            names = [f"{each.name} ({each.what})" for each in self.changes if each.kind == kind]
            if names:
                more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
                yield f"forward {kind}: {', '.join(names[:_LISTED])}{more}; {result}"

    def whole(
        self,
        modules: Sequence[Module],
        parameters: Sequence[Parameter],
        buffers: Sequence[Buffer],
        steps: Sequence[Step],
        output_origins: Sequence[Origin],
    ) -> Whole:
        """Return everything that the steps refer to: registered after the run, or removed during it.

        Args:
            modules: Modules before the run, which also have the facts that forward does not change.
            parameters: Parameters before the run.
            buffers: Buffers before the run.
            steps: Steps of the run.
            output_origins: Origins of the output of the run.
        """
        temporary: tuple[Parameter | Buffer, ...] = ()
        if self.temporary is not None:
            temporary = (*self.temporary.parameters, *self.temporary.buffers)
            modules = (*self.temporary.modules, *modules)
        before = {each.path: each for each in modules}
        found = {each.path: _own(each, before.get(each.path)) for each in self.modules}
        called = {step.module for step in steps} - found.keys()
        every: list[Parameter | Buffer] = [*temporary, *parameters, *buffers]
        removed = [each for each in every if each.module in called]
        for path in [path for path in before if path in called]:
            _add(path, found, before)
        for each in removed:
            module = found[each.module]
            if isinstance(each, Parameter):
                found[each.module] = replace(module, parameters=_with(module.parameters, each.name))
            else:
                found[each.module] = replace(module, buffers=_with(module.buffers, each.name))
        names = {each.name for each in (*self.parameters, *self.buffers, *removed)}
        removed = list(_renumbered(removed, len(names), {each.module for each in temporary}))
        return Whole(
            tuple(_in_order(found)),
            (*self.parameters, *(each for each in removed if isinstance(each, Parameter))),
            (*self.buffers, *(each for each in removed if isinstance(each, Buffer))),
            tuple([_without_unknown_names(step, names) for step in steps]),
            tuple([_known_origin(origin, names) for origin in output_origins]),
        )


class Before:
    """Modules and tensors registered in a model before a run.

    Args:
        model: The model. Its modules and tensors stay alive as long as this object.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules, self._tensors = _registered(model)
        self._sizes = {name: _size(tensor) for name, tensor in self._tensors.items()}

    def compared(self, model: nn.Module, registered: Registered) -> After | None:
        """Return the changed model; None if forward registered, replaced and removed nothing.

        Args:
            model: The model.
            registered: All modules and tensors registered during the run.
        """
        modules, tensors = _registered(model)
        temporary = [
            entry
            for entry in registered.entries()
            if entry.path not in modules and entry.path not in self._modules
        ]
        changes = (*self._changes(modules, tensors), *_outermost(temporary))
        if not changes:
            return None
        after = _walked(changes, model, "")
        if not temporary:
            return after
        parts = [_walked((), entry.module, entry.path) for entry in temporary]
        return dataclasses.replace(
            after,
            temporary=After(
                (),
                tuple(each for part in parts for each in part.modules[:1]),
                tuple(
                    each
                    for part in parts
                    for each in part.parameters
                    if each.module == part.modules[0].path
                ),
                tuple(
                    each
                    for part in parts
                    for each in part.buffers
                    if each.module == part.modules[0].path
                ),
                {},
            ),
        )

    def _changes(
        self, modules: Mapping[str, nn.Module], tensors: Mapping[str, torch.Tensor]
    ) -> Iterator[Change]:
        new = {path for path, module in modules.items() if self._modules.get(path) is not module}
        for path in modules:
            if path in new and not _is_below(path, new):
                kind: Literal["made", "replaced"] = "replaced" if path in self._modules else "made"
                yield Change(kind=kind, name=path, what=plain_name(type(modules[path])))
        removed = self._modules.keys() - modules.keys()
        for path in self._modules:
            if path in removed and not _is_below(path, removed | new):
                yield Change(kind="removed", name=path, what=plain_name(type(self._modules[path])))
        for name, tensor in tensors.items():
            module = name.rpartition(".")[0]
            if module in new or _is_below(module, new):
                continue
            before, size = self._tensors.get(name), self._sizes.get(name)
            now = _size(tensor)
            if before is None:
                yield Change(kind="made", name=name, what=_format_tensor(tensor))
            elif size is not None and now != size:
                is_cast = now is not None and now[0] == size[0]
                yield Change(
                    kind="replaced",
                    name=name,
                    what=f"now {tensor_spec(tensor).dtype}, was {size[1]}"
                    if is_cast
                    else f"{_format_tensor(tensor)}, was {size[0]}",
                )
        for name in self._tensors.keys() - tensors.keys():
            module = name.rpartition(".")[0]
            if not (module in removed | new or _is_below(module, removed | new)):
                yield Change(kind="removed", name=name, what=_format_tensor(self._tensors[name]))


def live_tensors(model: nn.Module, after: After | None) -> dict[str, torch.Tensor]:
    """Return the tensors by name, including those that exist only after the run."""
    live = {join_path(path, name): tensor for path, _, _, name, tensor in named_tensors(model)}
    if after is None:
        return live
    changed = {each.name for each in after.changes}
    return {
        **live,
        **{
            name: tensor
            for name, tensor in after.live.items()
            if name not in live or name in changed or tensor.shape != live[name].shape
        },
    }


def _outermost(entries: Sequence[Entry]) -> Iterator[Change]:
    paths = {entry.path for entry in entries}
    for path, module in {entry.path: entry.module for entry in entries}.items():
        if not _is_below(path, paths):
            yield Change(kind="made", name=path, what=plain_name(type(module)))


def _walked(changes: tuple[Change, ...], model: nn.Module, path: str) -> After:
    parameters, buffers = walk_tensors(model, path)
    return After(
        changes,
        walk_modules(model, path),
        parameters,
        buffers,
        {join_path(at, name): tensor for at, _, _, name, tensor in named_tensors(model, path)},
    )


def _registered(model: nn.Module) -> tuple[dict[str, nn.Module], dict[str, torch.Tensor]]:
    modules = {path: module for path, module, _ in every_path(model)}
    tensors = {
        join_path(path, name): tensor
        for path, module in under_each_path(model)
        for table in TENSORS
        for name, tensor in entries(module, table)
        if tensor is not None
    }
    return modules, tensors


def _size(tensor: torch.Tensor) -> tuple[str, str] | None:
    """Return shape and dtype; None for an uninitialized tensor of a lazy layer."""
    if is_uninitialised(tensor):
        return None
    spec = tensor_spec(tensor)
    return _shape(spec), spec.dtype


def _format_tensor(tensor: torch.Tensor) -> str:
    spec = tensor_spec(tensor)
    kind = "parameter" if isinstance(tensor, nn.Parameter) else "buffer"
    return f"{kind} of {_shape(spec)}"


def _shape(spec: TensorSpec) -> str:
    return "x".join(map(str, spec.shape)) or "one number"


def _is_below(path: str, others: Collection[str]) -> bool:
    """Return whether a module is inside one of others."""
    while path:
        path = path.rpartition(".")[0]
        if path in others:
            return True
    return False


def _own(after: Module, before: Module | None) -> Module:
    """Return the record of a module after the run, with its mode and attributes from before the run."""
    if before is None or before.class_path != after.class_path:
        return after
    changed = replace(after, attributes=before.attributes, training=before.training)
    return before if changed == before else changed


def _add(path: str, found: dict[str, Module], before: Mapping[str, Module]) -> None:
    """Add a removed module with its removed ancestors."""
    while path and path not in found and path in before:
        module = before[path]
        found[path] = replace(module, parameters=(), buffers=(), children=())
        parent = path.rpartition(".")[0]
        _add(parent, found, before)
        if parent in found:
            found[parent] = replace(found[parent], children=_with(found[parent].children, path))
        path = parent


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


def _without_unknown_names(step: Step, names: Collection[str]) -> Step:
    """Remove the names of tensors that are not recorded."""
    if all(name in names for name in step.parameters):
        return step
    return replace(
        step, input_origins=tuple([_known_origin(each, names) for each in step.input_origins])
    )


def _known_origin(origin: Origin, names: Collection[str]) -> Origin:
    return replace(origin, parameters=tuple([name for name in origin.parameters if name in names]))


def _in_order(found: Mapping[str, Module]) -> Iterator[Module]:
    """Yield modules root first, depth first."""
    waiting = [""]
    while waiting:
        module = found.get(waiting.pop())
        if module is not None:
            yield module
            if module.alias_of is None:
                waiting += reversed(module.children)


def _renumbered(
    removed: Iterable[Parameter | Buffer], start: int, temporary: Collection[str]
) -> Iterator[Parameter | Buffer]:
    """Yield removed tensors with new identities; tied tensors stay tied.

    Args:
        removed: The tensors.
        start: First free number.
        temporary: Paths of modules whose tensors were numbered module by module.
    """
    numbers: dict[tuple[str, int], int] = {}
    for each in removed:
        key = each.module if each.module in temporary else "", each.identity
        yield replace(each, identity=numbers.setdefault(key, start + len(numbers)))
