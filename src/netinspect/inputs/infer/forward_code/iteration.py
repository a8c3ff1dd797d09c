"""Items of the loops in forward."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from torch import nn

from netinspect.inputs.infer.forward_code.frames import MOST_ITEMS, Frame
from netinspect.inputs.infer.forward_code.values import (
    Group,
    Part,
    Plain,
    Positions,
    Table,
    Tracked,
    Value,
)
from netinspect.tracing.model.members import children, join_path
from netinspect.tracing.safe_access import is_a, items_of, iter_of

if TYPE_CHECKING:
    from netinspect.inputs.infer.forward_code.reader import Reader

_UNKNOWN_LENGTH = 2
"""Items to give for a loop over an argument: a model may treat a single one in another way."""


def iterate(reader: Reader, node: ast.expr, frame: Frame) -> list[Value]:
    """Return the first items of an iterable; a single unknown one if it is unknown."""
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    if isinstance(node, ast.Call) and name in ("enumerate", "reversed", "list", "tuple", "tqdm"):
        items: list[Value] = iterate(reader, node.args[0], frame) if node.args else [None]
        if name == "enumerate":
            return [Group((Plain(index), item)) for index, item in enumerate(items)]
        return items[::-1] if name == "reversed" else items
    if isinstance(node, ast.Call) and name == "zip":
        return _zipped(reader, reader.values(node.args, frame))
    if isinstance(node, ast.Call) and name == "range":
        return _range(reader, reader.values(node.args, frame))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        pairs = _of_mapping(reader, reader.value(node.func.value, frame), node.func.attr)
        if pairs is not None:
            return pairs
    value = reader.value(node, frame)
    if isinstance(value, Tracked) and not value.changes:
        return [reader.read(value, "0", "each")]
    if isinstance(value, Tracked):
        return [value.changed("select", 0, None)]
    found = items_in(value)
    return [None] if found is None else found


def items_in(value: Value) -> list[Value] | None:
    """Return the items of a value; None if they are unknown."""
    if isinstance(value, Group):
        return list(value.items[:MOST_ITEMS])
    if isinstance(value, Table):
        return [Plain(key) for key in value.entries]
    if isinstance(value, Positions):
        return [Tracked((str(value.start + index),)) for index in range(_UNKNOWN_LENGTH)]
    if isinstance(value, Part):
        inner = children(value.module)[:MOST_ITEMS]
        if is_a(value.module, nn.ModuleDict):
            return [Plain(key) for key, _ in inner]
        return [Part(join_path(value.path, key), child) for key, child in inner]
    if isinstance(value, Plain):
        for cls in (list, tuple):
            if is_a(value.value, cls):
                return [
                    Plain(each) if not is_a(each, nn.Module) else Part("", each)
                    for _, each in zip(range(MOST_ITEMS), iter_of(cls, value.value), strict=False)
                ]
        if is_a(value.value, dict):
            return [
                Plain(key) for _, (key, _) in zip(range(MOST_ITEMS), items_of(value.value), strict=False)
            ]
    return None


def _zipped(reader: Reader, values: list[Value]) -> list[Value]:
    """Return the items of a `zip`; an argument has as many as the shortest of the others."""
    known = [items_in(value) for value in values]
    lengths = [len(items) for items in known if items is not None]
    length = min(lengths, default=1)
    columns: list[list[Value]] = []
    for value, items in zip(values, known, strict=True):
        if isinstance(value, Tracked) and not value.changes:
            access = "unpacked" if lengths else "each"
            columns.append([reader.read(value, str(index), access) for index in range(length)])
        else:
            columns.append(items if items is not None else [None] * length)
    return [Group(tuple(items)) for items in zip(*columns, strict=False)]


def _range(reader: Reader, arguments: list[Value]) -> list[Value]:
    for value in arguments:
        if isinstance(value, Tracked) and not value.changes:
            uses = reader.table.of(value)
            uses.count = max(uses.count or 0, 2)
    numbers = [each.value for each in arguments if isinstance(each, Plain) and type(each.value) is int]
    if len(numbers) != len(arguments) or not numbers or 0 in numbers[2:]:
        return [None]
    return [Plain(index) for index in range(*numbers)[:MOST_ITEMS]] or [None]


def _of_mapping(reader: Reader, value: Value, name: str) -> list[Value] | None:
    """Return the items of `value.items()`, `value.values()` or `value.keys()`."""
    pairs: list[tuple[Value, Value]] = []
    if name not in ("items", "values", "keys"):
        return None
    if isinstance(value, Part):
        pairs = [
            (Plain(key), Part(join_path(value.path, key), child))
            for key, child in children(value.module)[:MOST_ITEMS]
        ]
    elif isinstance(value, Table):
        pairs = [(Plain(key), each) for key, each in value.entries.items()]
    elif isinstance(value, Plain) and is_a(value.value, dict):
        pairs = [
            (Plain(key), Plain(each))
            for _, (key, each) in zip(range(MOST_ITEMS), items_of(value.value), strict=False)
        ]
    elif isinstance(value, Tracked):
        reader.table.of(value).is_dictionary = True
    if not pairs:
        return None
    if name == "items":
        return [Group(pair) for pair in pairs]
    return [pair[0] if name == "keys" else pair[1] for pair in pairs]
