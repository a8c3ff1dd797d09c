"""Entry point: the uses of the arguments of a model's forward."""

from __future__ import annotations

import contextlib
import dataclasses
import types

import torch
from torch import nn

from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.forward_code.calls import call_function, call_module
from netinspect.inputs.infer.forward_code.frames import Reading, Spent
from netinspect.inputs.infer.forward_code.layers import children_of, is_chain, size_of
from netinspect.inputs.infer.forward_code.reader import Reader
from netinspect.inputs.infer.forward_code.source import definition_of, method_of, unwrapped
from netinspect.inputs.infer.forward_code.uses import Uses, UseTable
from netinspect.inputs.infer.forward_code.values import (
    Change,
    Function,
    Keywords,
    Part,
    Path,
    Positions,
    Tracked,
    Value,
)

_MOST_DEPTH = 8
_PAIRS = (Meaning.EDGES, Meaning.GRID)
"""Tensors of two rows."""


class ForwardCode:
    """Uses of the arguments of forward, as far as its code can be read.

    Attributes:
        table: Uses of each entry.
    """

    def __init__(self, table: UseTable) -> None:
        self.table = table

    def uses(self, name: str) -> Uses:
        """Return the uses of an argument, or of an entry such as `batch.image`."""
        return self.table.entries.get(tuple(name.split(".")), Uses())

    def entries(self, name: str) -> list[str]:
        """Return the entries to fill of an argument: those of a dictionary, an object or a tuple.

        Args:
            name: The argument, or an entry in one.

        Returns:
            Dotted names, without the argument itself; empty if it is one value.
        """
        path = tuple(name.split("."))
        return [".".join(each) for each in self._leaves(path) if each != path]

    def keywords(self) -> list[str]:
        """Return the arguments that code reads from `**kwargs`."""
        root = self.table.entries.get(())
        return [
            key for key in (root.accesses if root is not None else ()) if not self._is_optional((), key)
        ]

    def positions(self) -> list[str]:
        """Return the positions that code reads from `*args`, as texts, in order."""
        found = sorted({int(path[0]) for path in self.table.entries if path and path[0].isdecimal()})
        return [str(index) for index in range(found[0], min(found[-1] + 1, 64))] if found else []

    def _leaves(self, path: Path) -> list[Path]:
        """Return the entries in an entry that have no entries of their own."""
        uses = self.table.entries.get(path)
        inner = container_entries(path, uses) if uses is not None and len(path) < _MOST_DEPTH else []
        if not inner:
            return [path]
        return [
            leaf
            for key in inner
            if not self._is_optional(path, key)
            for leaf in self._leaves((*path, key))
        ]

    def _is_optional(self, path: Path, key: str) -> bool:
        """Return whether an entry is read by `get` and compared with None."""
        entry = self.table.entries.get((*path, key))
        accesses = self.table.entries[path].accesses[key]
        return entry is not None and entry.may_be_none and accesses == {"get"}


def container_entries(path: Path, uses: Uses) -> list[str]:
    """Return the entries of a dictionary, an object or a tuple; empty for a tensor.

    A tensor can be unpacked and iterated over, too.
    """
    named = [key for key, how in uses.accesses.items() if how & {"key", "get", "attribute"}]
    if named:
        return named
    is_tensor = uses.layers or uses.weights or uses.rank or uses.least_rank
    if is_tensor or meaning_of(path[-1]) in _PAIRS:
        return []
    return [key for key, how in uses.accesses.items() if how & {"unpacked", "each"}]


def _separate_items(table: UseTable) -> None:
    """Treat positions of an argument as entries where layers of other sizes take them.

    `x[0]` and `x[1]` may be rows of one tensor, or two tensors of a list.
    """
    for path, uses in list(table.entries.items()):
        first = Change("select", (0, 0))
        taken = [
            (use.changes[0].numbers[1], use)
            for use in uses.layers
            if use.changes and use.changes[0].kind == first.kind and use.changes[0].numbers[0] == 0
        ]
        sizes = {index: size_of(use.layer.module) for index, use in reversed(taken) if index is not None}
        if len(taken) < len(uses.layers) or len(set(sizes.values())) < 2 or min(sizes) < 0:
            continue
        uses.layers.clear()
        for index, use in taken:
            if index is not None:
                uses.accesses[str(index)] = {"each"}
                table.add_layer(
                    Tracked((*path, str(index))), dataclasses.replace(use, changes=use.changes[1:])
                )
        uses.accesses = {key: uses.accesses[key] for key in sorted(uses.accesses)}


def read_forward(model: nn.Module, call: str = "forward") -> ForwardCode:
    """Read the code of a model's forward, or of another method; nothing of it is run."""
    reader = Reader(Reading())
    # What was read until the bounds were reached is still true.
    with torch._C.DisableTorchFunction(), contextlib.suppress(Spent, RecursionError):
        _read(reader, Part("", model), call)
    _separate_items(reader.table)
    return ForwardCode(reader.table)


def _read(reader: Reader, root: Part, call: str) -> None:
    stored = method_of(type(root.module), call)
    if call == "forward" and is_chain(root.module):
        value: Value = Tracked(("input",))
        for child in children_of(root):
            value = call_module(reader, child, [value], {})
        return
    function = unwrapped(stored[0]) if stored is not None else None
    if function is None or stored is None or type(stored[0]) not in (types.FunctionType, staticmethod):
        return
    is_static = type(stored[0]) is staticmethod
    definition = definition_of(function)
    if definition is None:
        return
    parameters = definition.args
    positional = [each.arg for each in (*parameters.posonlyargs, *parameters.args)]
    positional = positional if is_static else positional[1:]
    given: list[Value] = [Tracked((name,)) for name in positional]
    if parameters.vararg is not None:
        given.append(Positions(len(positional)))
    keywords: dict[str, Value] = {each.arg: Tracked((each.arg,)) for each in parameters.kwonlyargs}
    if parameters.kwarg is not None:
        keywords[""] = Keywords()
    instance = None if is_static else root
    call_function(reader, Function(function, instance, stored[1]), given, keywords)
