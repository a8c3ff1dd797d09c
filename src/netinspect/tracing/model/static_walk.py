"""Static walk: records of the modules, parameters and buffers of a model, before anything runs."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from netinspect._utils.classes import ancestors, plain_name
from netinspect._utils.code_owners import owner
from netinspect.records.modules import Attribute, Hook, Module
from netinspect.records.tensors import Buffer, Parameter
from netinspect.tracing.definitions import callable_location, class_location, class_path, is_library
from netinspect.tracing.model.members import (
    TENSORS,
    Table,
    entries,
    every_path,
    join_path,
    own_attributes,
    under_each_path,
)
from netinspect.tracing.model.modes import mode_of
from netinspect.tracing.safe_access import (
    by_class,
    class_attribute,
    is_a,
    is_pythons,
    state_of,
    text_of,
    values_of,
)
from netinspect.tracing.tensors.describe import registered_spec
from netinspect.tracing.tensors.inner_tensors import bytes_of, is_empty, memory_key, memory_of
from netinspect.tracing.tensors.packed_weights import packed_objects, packed_tensors

# Dictionaries with these suffixes hold the numbers of the hooks that were registered with that option.
_FLAG_SUFFIXES = ("_with_kwargs", "_always_called")
_FULL = "_is_full_backward_hook"
"""Attribute of a module whose backward hooks were registered by `register_full_backward_hook`."""

_SHOWN_ATTRIBUTES = (bool, int, float, complex, str, type(None), torch.dtype, torch.device)

# Equal values of these types have equal text, unlike 0.0 and -0.0.
_EQUAL_TEXT = frozenset(map(id, (bool, int, type(None))))
_INTEGERS = frozenset({id(int)})

_NO_EXTRA = vars(nn.Module)["extra_repr"]
_TABLES: tuple[Table, ...] = (*TENSORS, "_modules")


class TensorIdentities:
    """Numbers the memory of tensors, so that tied ones share a number.

    Two tensors are tied if they cover the same elements of the same storage: one object under two names,
    `a.weight = b.weight`, or a transposed view. Tensors with inner tensors are tied if all of these are.
    """

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._owners: dict[Any, int] = {}
        """Number of the first tensor on each memory, by memory key."""

        self._alive: list[torch.Tensor] = []
        """Numbered tensors; otherwise, unpacked copies could reuse the addresses of earlier ones."""

    def number(self, tensor: torch.Tensor) -> tuple[int, int]:
        """Return the number of a tensor's memory.

        Returns:
            The number, and how many bytes of the tensor are in memory with an earlier number.
        """
        parts = {memory_key(part): part for part in memory_of(tensor) if not is_empty(part)}
        self._alive += (tensor, *parts.values())
        number = self._numbers.setdefault(frozenset(parts) or id(tensor), len(self._numbers))
        shared = 0
        for key, part in parts.items():
            if self._owners.setdefault(key, number) != number:
                shared += bytes_of(part)
        return number, shared


def walk_modules(model: nn.Module, prefix: str = "") -> tuple[Module, ...]:
    """Describe every module of the tree; `prefix` is the path of its root."""
    return tuple(
        _describe_module(path, module, alias_of) for path, module, alias_of in every_path(model, prefix)
    )


def named_tensors(
    model: nn.Module, prefix: str = ""
) -> Iterator[tuple[str, nn.Module, Table, str, torch.Tensor]]:
    """Yield path, module, table, name and tensor of every registered parameter and buffer.

    Packed weights of quantized layers are yielded as buffers, because they are state without gradients.
    Tied tensors are yielded under each of their names, as are all tensors of a module with two paths.
    """
    unpacked: dict[int, list[tuple[str, torch.Tensor]]] = {}  # each unpacking makes copies
    for path, module in under_each_path(model, prefix):
        for table in TENSORS:
            for name, tensor in entries(module, table):
                if tensor is not None:
                    yield path, module, table, name, tensor
        for attribute, packed in packed_objects(module):
            if id(packed) not in unpacked:
                unpacked[id(packed)] = packed_tensors(packed)
            for name, tensor in unpacked[id(packed)]:
                yield path, module, "_buffers", f"{attribute}.{name}", tensor


def walk_tensors(model: nn.Module, prefix: str = "") -> tuple[tuple[Parameter, ...], tuple[Buffer, ...]]:
    """Describe every named parameter and buffer; `prefix` is the path of the model."""
    identities = TensorIdentities()
    parameters: list[Parameter] = []
    buffers: list[Buffer] = []
    for path, module, table, name, tensor in named_tensors(model, prefix):
        number, shared = identities.number(tensor)
        if table == "_parameters":
            parameters.append(
                Parameter(
                    name=join_path(path, name),
                    module=path,
                    spec=registered_spec(tensor),
                    trainable=tensor.requires_grad,
                    identity=number,
                    shared_bytes=shared,
                )
            )
        else:
            buffers.append(
                Buffer(
                    name=join_path(path, name),
                    module=path,
                    spec=registered_spec(tensor),
                    persistent=name not in state_of(module).get("_non_persistent_buffers_set", ()),
                    identity=number,
                    shared_bytes=shared,
                )
            )
    return tuple(parameters), tuple(buffers)


@functools.cache
def hook_dictionaries() -> tuple[str, ...]:
    """Return the names of the hook attributes of a module in the installed torch, in its order."""
    return tuple(
        name for name, value in vars(nn.Module()).items() if "hook" in name and isinstance(value, dict)
    )


def global_hooks() -> tuple[Hook, ...]:
    """List the hooks that are registered for every module of the process."""
    namespace = vars(nn.modules.module)
    return tuple(
        hook
        for name in namespace
        if name.startswith("_global_") and "hook" in name and isinstance(namespace[name], dict)
        for hook in _hooks_in(name, namespace[name], namespace)
    )


def _describe_module(path: str, module: nn.Module, alias_of: str | None) -> Module:
    cls: Any = type(module)
    class_name, class_path, bases, library, file, line = _describe_class(cls)
    state = state_of(module)
    omitted = own_attributes()
    # Read statically, because compiled classes resolve attributes only on instances. A forward patched
    # onto the instance is not cached, because it may reference the model.
    if "forward" in state:
        _, forward_file, forward_line = callable_location(state["forward"])
    else:
        forward_file, forward_line = _forward_location(cls)
    own = [entries(module, table) for table in _TABLES]
    return Module(
        path=path,
        name=path.rpartition(".")[2],
        class_name=class_name,
        class_path=class_path,
        bases=bases,
        library=library,
        file=file,
        line=line,
        forward_file=forward_file,
        forward_line=forward_line,
        extra=_extra(module),
        # Frozen TorchScript has no mode.
        training=bool(mode_of(module)),
        parameters=_paths(path, own[0]),
        buffers=_paths(path, own[1]),
        children=_paths(path, own[2]),
        empty=tuple([name for table in own for name, value in table if value is None]),
        alias_of=alias_of,
        hooks=tuple(_hooks(state)) if any(map(state.get, hook_dictionaries())) else (),
        attributes=tuple(
            [_attribute(name, value) for name, value in state.items() if name not in omitted]
        ),
    )


def _paths(path: str, table: Iterable[tuple[str, Any]]) -> tuple[str, ...]:
    if not table:
        return ()
    prefix = f"{path}." if path else ""
    return tuple([prefix + name for name, value in table if value is not None])


@by_class
def _describe_class(
    cls: Any,
) -> tuple[str, str, tuple[str, ...], bool, str | None, int | None]:
    bases = tuple(
        plain_name(base)
        for base in ancestors(cls)[1:]
        if base is not nn.Module and issubclass(base, nn.Module)
    )
    file, line = class_location(cls)
    return plain_name(cls), class_path(cls), bases, is_library(cls), file, line


@by_class
def _forward_location(cls: Any) -> tuple[str | None, int | None]:
    _, file, line = callable_location(class_attribute(cls, "forward"))
    return file, line


def _extra(module: nn.Module) -> str:
    try:
        # The text of a ParameterList has a line for each parameter.
        return ", ".join(line.strip() for line in _extra_repr(module).split("\n"))
    except (
        Exception,
        SystemExit,
    ) as error:  # user code; the trace continues without it
        return f"<extra_repr raised {plain_name(type(error))}>"


def _extra_repr(module: nn.Module) -> str:
    cls: Any = type(module)
    stored = state_of(module).get("extra_repr")
    if stored is not None:
        return str(stored())
    stored = class_attribute(cls, "extra_repr")
    if stored is _NO_EXTRA:
        return ""
    if type(stored) is not types.FunctionType:
        return module.extra_repr()
    if is_library(cls) or not stored.__module__.startswith("torch."):
        return str(stored(module))
    # The method of torch's containers reads length and entries, which a user's class may override. It is
    # called on an object of torch's class with the same attributes.
    own: Any = next(base for base in ancestors(cls) if is_library(base))
    plain = own.__new__(own)
    state_of(plain).update(state_of(module))
    try:
        return str(stored(plain))
    except AttributeError:  # an attribute of torch's class that the user's class computes
        return ""


def _hooks(state: dict[str, Any]) -> Iterator[Hook]:
    for name in hook_dictionaries():
        if state.get(name):
            yield from _hooks_in(name, state[name], state)


def _hooks_in(name: str, hooks: dict[int, Any], state: dict[str, Any]) -> Iterator[Hook]:
    """Describe the hooks of one dictionary, with the options of their registration."""
    if name.endswith(_FLAG_SUFFIXES):
        return
    for number, hook in hooks.items():
        qualified_name, file, line = callable_location(hook)
        yield Hook(
            dictionary=name,
            name=qualified_name,
            file=file,
            line=line,
            library=_is_torchs(hook, file),
            flags=tuple(
                name + suffix for suffix in _FLAG_SUFFIXES if number in state.get(name + suffix, ())
            )
            + ((_FULL,) if name == "_backward_hooks" and state.get(_FULL) else ()),
        )


def _is_torchs(hook: Any, file: str | None) -> bool:
    # A user's subclass of a hook class of torch may inherit `__call__`.
    cls = type(hook)
    return file is not None and owner(file) == "torch" and (is_library(cls) or is_pythons(cls))


def _attribute(name: str, value: Any) -> Attribute:
    """Return one shared record for equal values of many layers."""
    kind = type(value)
    if id(kind) in _EQUAL_TEXT or (kind is tuple and _INTEGERS.issuperset(map(id, map(type, value)))):
        return _attribute_of_value(name, value)
    return _attribute_of_text(name, plain_name(kind), _attribute_text(value))


@functools.lru_cache(maxsize=4096, typed=True)
def _attribute_of_value(name: str, value: Any) -> Attribute:
    return Attribute(name=name, type=plain_name(type(value)), text=_attribute_text(value))


@functools.lru_cache(maxsize=4096)
def _attribute_of_text(name: str, type_name: str, text: str) -> Attribute:
    return Attribute(name=name, type=type_name, text=text)


def _attribute_text(value: Any) -> str:
    plain = is_a(value, _SHOWN_ATTRIBUTES)
    if is_a(value, (tuple, list)):
        items = list(values_of(value))
        plain = len(items) <= 8 and all([is_a(item, _SHOWN_ATTRIBUTES) for item in items])
    text = text_of(value) if plain else f"<{plain_name(type(value))}>"
    return text if len(text) <= 80 else text[:77] + "..."
