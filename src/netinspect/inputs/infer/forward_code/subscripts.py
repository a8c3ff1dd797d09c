"""Subscripts in forward: keys, positions, slices, and indices of other tensors."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from torch import nn

from netinspect.inputs.infer.forward_code.frames import Frame
from netinspect.inputs.infer.forward_code.lookup import member_of
from netinspect.inputs.infer.forward_code.uses import Access, WeightUse
from netinspect.inputs.infer.forward_code.values import (
    Computed,
    Group,
    Keywords,
    Part,
    Plain,
    Positions,
    Shape,
    Table,
    Tracked,
    Value,
    Weight,
)
from netinspect.tracing.model.members import children, join_path
from netinspect.tracing.safe_access import is_a, items_of, iter_of

if TYPE_CHECKING:
    from netinspect.inputs.infer.forward_code.reader import Reader


def subscript(reader: Reader, node: ast.Subscript, frame: Frame) -> Value:
    """Return the value of a subscript."""
    base = reader.value(node.value, frame)
    if isinstance(base, Tracked):
        return _of_argument(reader, base, node.slice, frame)
    if isinstance(base, Computed):
        _record_length(reader, base, node.slice, frame)
    if isinstance(node.slice, ast.Slice):
        return _part_of_sequence(reader, base, node.slice, frame)
    index = reader.value(node.slice, frame)
    key = index.value if isinstance(index, Plain) else None
    if isinstance(base, Positions):
        return Tracked((str(base.start + key),)) if type(key) is int and key >= 0 else None
    if isinstance(base, Keywords):
        return keyword(reader, key) if type(key) is str else None
    if isinstance(base, Shape):
        _record_rank(reader, base, key)
    elif isinstance(base, Part):
        return _submodule(reader, base, index)
    elif isinstance(base, Group) and type(key) is int and -len(base.items) <= key < len(base.items):
        return base.items[key]
    elif isinstance(base, Table) and type(key) is str:
        return base.entries.get(key)
    elif isinstance(base, Plain):
        return _of_plain(reader, base.value, index)
    elif isinstance(base, Weight) or base is None or not isinstance(base, (Group, Table)):
        if isinstance(base, Weight) and len(base.shape) > 1 and isinstance(index, Tracked):
            use = WeightUse("embedding", base.path, base.shape, index.changes)
            reader.table.of(index).weights.append(use)
        _record_index(reader, index, base.shape[0] if isinstance(base, Weight) and base.shape else None)
    return None


def keyword(reader: Reader, name: str, access: Access = "key") -> Tracked:
    """Record that a keyword of `**kwargs` is read, and return it."""
    reader.table.of(()).read(name, access)
    reader.table.of((name,))
    return Tracked((name,))


def _of_argument(reader: Reader, base: Tracked, node: ast.expr, frame: Frame) -> Value:
    elements = node.elts if isinstance(node, ast.Tuple) else [node]
    found: Tracked = base
    dimension = 0
    for position, element in enumerate(elements):
        if isinstance(element, ast.Slice):
            limits = [_number(reader, each, frame) for each in (element.lower, element.upper)]
            if element.lower is not None or element.upper is not None:
                found = found.changed("slice", dimension, *limits)
            dimension += 1
            continue
        value = reader.value(element, frame)
        key = value.value if isinstance(value, Plain) else ...
        if type(key) is str and len(elements) == 1:
            return reader.read(base, key, "key") if not base.changes else None
        if key is None:
            found = found.changed("unsqueeze", dimension)
            dimension += 1
        elif key is ...:
            if isinstance(element, ast.Constant):  # an ellipsis: the others count from the end
                dimension = position + 1 - len(elements)
                continue
            _record_index(reader, value, None)
            if isinstance(value, (Tracked, Group)) or len(elements) == 1:
                # Any tensor of indices may have replaced the dimension.
                return None if isinstance(value, Tracked) else found.changed("select", dimension, None)
            found = found.changed("select", dimension, None)
        elif type(key) is int:
            if len(elements) == 1 and not base.changes and key >= 0:
                reader.table.of(base).read(str(key), "item")
            found = found.changed("select", dimension, key)
            dimension += dimension < -1
    return found


def _number(reader: Reader, node: ast.expr | None, frame: Frame) -> int | None:
    value = reader.value(node, frame) if node is not None else None
    return value.value if isinstance(value, Plain) and type(value.value) is int else None


def _part_of_sequence(reader: Reader, base: Value, node: ast.Slice, frame: Frame) -> Value:
    low, high = (_number(reader, each, frame) for each in (node.lower, node.upper))
    if node.step is not None:
        return None
    if isinstance(base, Positions) and high is None and (low or 0) >= 0:
        return Positions(base.start + (low or 0))
    if isinstance(base, Group):
        return Group(base.items[low:high])
    if isinstance(base, Part):
        inner = children(base.module)[low:high]
        return Group(tuple(Part(join_path(base.path, key), child) for key, child in inner))
    return None


def _submodule(reader: Reader, base: Part, index: Value) -> Value:
    inner = children(base.module)
    if isinstance(index, Plain):
        if type(index.value) is int and -len(inner) <= index.value < len(inner):
            name, child = inner[index.value]
            return Part(join_path(base.path, name), child)
        return member_of(base, index.value) if type(index.value) is str else None
    if isinstance(index, Tracked) and not index.changes and inner:
        uses = reader.table.of(index)
        if is_a(base.module, nn.ModuleDict):
            for name, _ in inner:
                uses.choose(name)
        else:
            uses.count = min(len(inner) - 1, uses.count if uses.count is not None else len(inner))
    return Part(join_path(base.path, inner[0][0]), inner[0][1]) if inner else None


def _of_plain(reader: Reader, container: object, index: Value) -> Value:
    """Return an entry of a plain dictionary or sequence; an argument selects one of them."""
    if isinstance(index, Tracked) and not index.changes:
        if is_a(container, dict):
            for _, (key, _) in zip(range(32), items_of(container), strict=False):
                if type(key) is str:
                    reader.table.of(index).choose(key)
        elif is_a(container, (list, tuple)):
            reader.table.of(index).count = max(len(container) - 1, 0)  # type: ignore[arg-type]
        return None
    if not isinstance(index, Plain):
        return None
    for cls in (list, tuple):
        if is_a(container, cls) and type(index.value) is int:
            items = [each for _, each in zip(range(256), iter_of(cls, container), strict=False)]
            return Plain(items[index.value]) if -len(items) <= index.value < len(items) else None
    if is_a(container, dict) and type(index.value) in (str, int):
        found = dict(items_of(container))
        return Plain(found[index.value]) if index.value in found else None
    return None


def _record_length(reader: Reader, base: Computed, node: ast.expr, frame: Frame) -> None:
    """Record that the output of a Linear layer is a sequence: no feature has this position."""
    if not isinstance(node, ast.Tuple) or len(node.elts) != 2 or base.width is None:
        return
    index = _number(reader, node.elts[1], frame)
    if isinstance(node.elts[0], ast.Slice) and base.leads is not None and not base.leads.changes:
        uses = reader.table.of(base.leads)
        if index is not None and index >= base.width:
            uses.least_rank = max(uses.least_rank, 3)
            uses.length = max(uses.length, index + 1)


def _record_rank(reader: Reader, shape: Shape, key: object) -> None:
    if shape.of is not None and not shape.of.changes and type(key) is int:
        uses = reader.table.of(shape.of)
        uses.least_rank = max(uses.least_rank, key + 1 if key >= 0 else -key)


def _record_index(reader: Reader, index: Value, rows: int | None) -> None:
    if isinstance(index, Tracked) and not index.changes:
        uses = reader.table.of(index)
        uses.indexes = True
        if rows is not None:
            uses.count = rows - 1
            uses.least_rank = max(uses.least_rank, 2)  # a position in a table for each of several
    elif isinstance(index, Group):
        for each in index.items:
            _record_index(reader, each, None)
