"""Explanations of failures in embeddings and indexing."""

from __future__ import annotations

import ast
import re
from typing import Any

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.mismatch import Marks, Mismatch
from netinspect.analysis.diagnosis.wording import (
    format_count,
    format_shape,
    format_spec,
    format_tensor,
    input_options,
)
from netinspect.records.values import Item, Literal, Structure, TensorSpec

_OUTSIDE = ("out of range", "out of bounds", "valid range", "smaller than num_classes")


def explain_embedding(call: Call) -> Explanation | None:
    """Explain indices that are not integers, or that torch reports as out of range."""
    weight, given = call.tensor("1", "weight"), call.tensor("0", "input")
    if weight is None or given is None or weight.rank != 2:
        return None
    rows = weight.shape[0]
    limit = rows - 1 if isinstance(rows, int) else rows
    remedies = input_options(call, given, given.shape, f"int64:0..{limit}")
    if "int" not in given.spec.dtype:
        source = call.as_input(given)
        if source is not None and source.name.isidentifier():
            remedies.append(f"convert the input: {source.name}.long()")
        if not remedies:
            remedies = ["if the values are integers: x.long()"]
        return Explanation(
            f"{call.display_name} expects integer indices, got {given.spec.dtype}",
            [Mismatch("dtype", "int64", given.spec.dtype, given.at())],
            remedies,
        )
    if not any(word in call.message for word in _OUTSIDE):
        return None
    requirement = f"{call.place} has {rows} rows"
    if not remedies:
        remedies = [
            *_shorter_inputs(call, given, rows),
            f"use indices below {rows}, or give {call.display_name} more rows",
        ]
    return Explanation(
        f"{call.display_name} has {rows} rows, so indices must be from 0 to {limit}; "
        "at least one is out of range",
        [Mismatch("range", f"0..{limit}", None, {**given.at(), **weight.at(0)}, requirement)],
        remedies,
    )


def _shorter_inputs(call: Call, given: Given, rows: int | str) -> list[str]:
    """Return the longest input, if the indices are the positions in one that is too long."""
    length = given.shape[-1] if given.rank else 0
    if not isinstance(rows, int) or not isinstance(length, int) or length <= rows:
        return []
    if call.producer_name(given) != "arange":
        return []
    specs = []
    for source in call.trace.inputs:
        value, values = source.value, source.spec.partition(":")[2]
        if isinstance(value, TensorSpec) and length in value.shape[1:] and " " not in source.spec:
            shorter = tuple(rows if size == length else size for size in value.shape)
            specs.append(f"--input {format_spec(source, format_tensor(shorter, values))}")
    return [f"use at most {rows} positions: {' '.join(specs)}"] if specs else []


def explain_item(call: Call) -> Explanation | None:
    """Explain too many indices, an index out of range, or a mask of another shape."""
    given = call.tensor("0")
    index = call.item("1")
    if given is None or index is None:
        return None
    parts = _parts(index)
    if parts is None:
        return None
    indices = [part for part in parts if part is not None and part is not Ellipsis]
    used = sum(_consumed(part) for part in indices)
    if used > given.rank:
        return Explanation(
            f"too many indices: got {used}, but {format_shape(given.shape)} has "
            f"{format_count(given.rank, 'dimension')}",
            [Mismatch("rank", used, given.rank, given.whole())],
        )
    position = 0
    for part in parts:
        if part is Ellipsis:
            position = given.rank - sum(_consumed(each) for each in parts[parts.index(part) + 1 :])
            continue
        found = _explain_part(call, given, part, position)
        if found is not None:
            return found
        position += _consumed(part)
    return None


def _parts(index: Any) -> list[Any] | None:
    """Return the entries of an index, or None if one cannot be parsed."""
    if isinstance(index, Structure):
        return [each for item in index.items for each in [_part(item)]]
    if isinstance(index, Literal):
        if index.text.startswith("slice("):
            return [slice(None)]
        try:
            value = ast.literal_eval(re.sub(r"slice\([^()]*\)", "'slice'", index.text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
        values = list(value) if isinstance(value, tuple) else [value]
        return [slice(None) if each == "slice" else each for each in values]
    return [index]


def _part(item: Item) -> Any:
    if isinstance(item.value, Literal):
        parts = _parts(item.value)
        return parts[0] if parts and len(parts) == 1 else slice(None)
    return item.value


def _consumed(part: Any) -> int:
    """Return the number of dimensions that an index entry indexes; for a mask, its rank."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if getattr(part, "dtype", None) == "bool":
        return len(part.shape)
    return 1


def _explain_part(call: Call, given: Given, part: Any, position: int) -> Explanation | None:
    if type(part) is int:
        size = given.shape[position]
        if isinstance(size, int) and not -size <= part < size:
            return Explanation(
                f"index {part} is out of range: dimension {position} of "
                f"{format_shape(given.shape)} has size "
                f"{size}, so indices must be from 0 to {size - 1}",
                [Mismatch("larger", part + 1 if part >= 0 else -part, size, given.at(position))],
                size_helps=True,
            )
        return None
    dtype = getattr(part, "dtype", None)
    if dtype == "bool":
        mask, places = part.shape, range(position, position + len(part.shape))
        indexed = given.shape[places.start : places.stop]
        if mask != indexed:
            return Explanation(
                f"the mask has shape {format_shape(mask)}, but the dimensions that it indexes are "
                f"{format_shape(indexed)}",
                [Mismatch("tensor", format_tensor(mask), format_tensor(indexed), given.at(*places))],
            )
    elif dtype is not None and "int" not in dtype:
        return Explanation(
            f"an index must be an integer or a bool mask, got {dtype}",
            [Mismatch("dtype", "int64", dtype, _marks_of(call, part))],
            ["if the values are integers: x.long()"],
        )
    elif dtype is not None and "out of bounds" in call.message:
        size = given.shape[position]
        valid = f"0..{size - 1}" if isinstance(size, int) and size else None
        return Explanation(
            f"an index in the tensor is out of range: dimension {position} of "
            f"{format_shape(given.shape)} has size {size}",
            [Mismatch("range", valid, None, {**_marks_of(call, part), **given.at(position)})],
        )
    return None


def _marks_of(call: Call, part: TensorSpec) -> Marks:
    return next((each.at() for each in call.given[1:] if each.spec == part), {})


_RANGE = re.compile(
    r"Dimension out of range \(expected to be in range of \[(-?\d{1,18}), (\d{1,18})\], "
    r"but got (-?\d{1,18})"
)


def explain_dimension(call: Call) -> Explanation | None:
    """Explain a dimension out of range, in any function."""
    found = _RANGE.search(call.message)
    if found is None:
        return None
    last, asked = int(found[2]), int(found[3])
    given = call.given[0] if call.given else None
    # These functions accept one dimension more than the tensor has.
    extra = call.name in ("unsqueeze", "stack")
    if given is None or call.step.kind == "module" or given.rank + extra != last + 1:
        return None
    wanted = asked + 1 if asked >= 0 else -asked
    return Explanation(
        f"{format_shape(given.shape)} has {format_count(given.rank, 'dimension')}, so {call.name} "
        f"accepts 0 to {last}, or -{last + 1} to -1 from the end; got {asked}",
        [Mismatch("rank", wanted - extra, given.rank, given.whole())],
    )


def explain_one_hot(call: Call) -> Explanation | None:
    """Explain a dtype other than int64, or class values that torch reports as too large."""
    classes = call.number("1", "num_classes", default=-1)
    given = call.tensor("0", "input", "tensor")
    if given is None or classes is None:
        return None
    if given.spec.dtype != "int64":
        return Explanation(
            f"one_hot expects int64 class values, got {given.spec.dtype}",
            [Mismatch("dtype", "int64", given.spec.dtype, given.at())],
            ["if the values are integers: x.long()"],
        )
    if classes < 1 or not any(word in call.message for word in _OUTSIDE):
        return None
    return Explanation(
        f"one_hot was called with num_classes={classes}, but at least one class value is "
        f"larger than {classes - 1}",
        [Mismatch("range", f"0..{classes - 1}", None, given.at())],
        ["use a larger num_classes, or -1 to infer it"],
    )


_INDICES = {
    **dict.fromkeys(("gather", "index_select", "take_along_dim"), ("2", "index", "indices")),
    **dict.fromkeys(("scatter", "scatter_add", "scatter_reduce"), ("2", "index")),
    **dict.fromkeys(("index_add", "index_copy", "index_fill"), ("2", "index")),
    "take": ("1", "index"),
}
"""Keys of the operand that must be integers, by function."""

_FROM_DIMENSION = ("gather", "index_select", "take_along_dim")
"""Functions whose indices are positions in a dimension of their first operand."""


def _explain_values(call: Call, index: Given) -> Explanation | None:
    """Explain indices that the code itself made, of positions that the tensor does not have."""
    given, dimension = call.tensor("0", "input", "self"), call.number("1", "dim")
    is_made = not index.origin.arguments and not call.sources(index.at())
    if call.name not in _FROM_DIMENSION or given is None or dimension is None or not is_made:
        return None
    if not any(word in call.message for word in _OUTSIDE) or not -given.rank <= dimension < given.rank:
        return None
    dimension %= given.rank
    size = given.shape[dimension]
    return Explanation(
        f"an index of {call.name} is out of range: dimension {dimension} of "
        f"{format_shape(given.shape)} has size {size}",
        [Mismatch("larger", None, size, given.at(dimension))],
        size_helps=True,
    )


_MASKED = ("masked_fill", "masked_select", "masked_scatter", "where")


def explain_index(call: Call) -> Explanation | None:
    """Explain an index that is not of integers."""
    given = call.tensor(*_INDICES[call.name])
    if given is None:
        return None
    if "int" in given.spec.dtype:
        return _explain_values(call, given)
    return Explanation(
        f"{call.display_name} expects an index of integers, got {given.spec.dtype}",
        [Mismatch("dtype", "int64", given.spec.dtype, given.at())],
        input_options(call, given, given.shape, "int64") or ["if the values are integers: x.long()"],
    )


def explain_mask(call: Call) -> Explanation | None:
    """Explain a mask that is not bool, in any function that takes one."""
    if call.name not in _MASKED:
        return None
    is_first = call.step.qualified_name == "torch.where"
    given = call.tensor("0" if is_first else "1", "mask", "condition")
    if given is None or given.spec.dtype in ("bool", "uint8"):
        return None
    return Explanation(
        f"{call.display_name} expects a bool mask, got {given.spec.dtype}",
        [Mismatch("dtype", "bool", given.spec.dtype, given.at())],
        input_options(call, given, given.shape, "bool") or ["convert the mask: mask.bool()"],
    )


FAMILY = Family(
    functions={
        **dict.fromkeys(("embedding", "embedding_bag"), explain_embedding),
        **dict.fromkeys(("getitem", "setitem"), explain_item),
        "one_hot": explain_one_hot,
        **dict.fromkeys(_INDICES, explain_index),
    },
    any_call=(explain_dimension, explain_mask),
)
