"""Functions of torch and methods of tensors: changes of layout, and sizes that weights expect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from netinspect.inputs.infer.forward_code.uses import WeightUse
from netinspect.inputs.infer.forward_code.values import (
    Computed,
    Group,
    Joined,
    Mixed,
    Plain,
    Shape,
    Tracked,
    Value,
    Weight,
    combined,
)

if TYPE_CHECKING:
    from netinspect.inputs.infer.forward_code.reader import Reader

_UNCHANGED = frozenset(
    """abs alpha_dropout asarray as_tensor bool celu char clamp clamp_ clip clone contiguous cos cpu cuda
    detach detach_ double dropout elu exp exp_ expm1 float gelu half hardtanh hardswish int leaky_relu
    log log1p logical_not long masked_fill masked_fill_ mish nan_to_num neg normalize numpy pow
    prelu relu relu_ relu6 requires_grad_ round selu short sigmoid silu sin softmax softplus log_softmax
    sqrt square tanh tensor to type type_as bfloat16 rsqrt sign floor ceil""".split()  # noqa: SIM905
)
"""Functions whose output has the sizes of their first argument."""

_ELEMENTWISE = frozenset(
    "add add_ sub sub_ mul mul_ multiply div div_ divide true_divide where lerp subtract".split()  # noqa: SIM905
)

_LONGEST_PATTERN = 200
"""Most characters of a pattern of einops."""

_INDEX_POSITION = {
    "gather": 2,
    "index_select": 2,
    "index_add": 2,
    "index_add_": 2,
    "index_copy": 2,
    "index_copy_": 2,
    "index_fill": 2,
    "scatter": 2,
    "scatter_": 2,
    "scatter_add": 2,
    "scatter_add_": 2,
    "scatter_reduce": 2,
    "scatter_reduce_": 2,
    "take": 1,
    "take_along_dim": 1,
    "bincount": 0,
}
"""Position of the indices among the arguments, with the tensor itself at 0."""

_REDUCTIONS = frozenset("mean sum amax amin logsumexp std var".split())  # noqa: SIM905

Numbers = Sequence[int | None]


def apply(reader: Reader, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """Return the result of a function of torch, or of a method with the tensor as first argument."""
    first = arguments[0] if arguments else keywords.get("input")
    _record_indices(reader, name, arguments, keywords)
    if name in _UNCHANGED:
        return first
    if name in _ELEMENTWISE:
        return combined(arguments[1:] if name == "where" else arguments)
    if name in ("cat", "concat", "concatenate", "stack", "hstack"):
        return _joined(name, first, arguments, keywords)
    if name in ("linear", "embedding", "matmul", "mm", "bmm") or name.startswith("conv"):
        return _with_weight(reader, name, arguments, keywords)
    if name in ("rearrange", "reduce", "repeat") and isinstance(first, Tracked) and len(arguments) > 1:
        return _rearranged(reader, first, arguments[1])
    if name in ("size", "dim", "ndimension"):
        return _shape(reader, name, arguments)
    if name == "one_hot":
        return _one_hot(reader, arguments, keywords)
    if name in ("is_tensor", "is_floating_point") and isinstance(first, Tracked):
        return Plain(True) if name == "is_tensor" else None
    if name in ("chunk", "split", "tensor_split", "unbind"):
        return _parts(name, first, arguments, keywords)
    if isinstance(first, Tracked) and (change := _LAYOUTS.get(name)) is not None:
        return change(first, _numbers(arguments[1:], keywords))
    if isinstance(first, Tracked) and name in _REDUCTIONS:
        numbers = _numbers(arguments[1:], keywords)
        keeps = keywords.get("keepdim")
        is_kept = isinstance(keeps, Plain) and keeps.value is True
        return None if not numbers or is_kept else first.changed("reduce", *numbers)
    return None


def _numbers(arguments: Sequence[Value], keywords: Mapping[str, Value]) -> list[int | None]:
    """Return the dimensions or sizes among the arguments; None for each that is unknown."""
    values: list[Value] = []
    for each in arguments:
        values += each.items if isinstance(each, Group) else [each]
    for name in ("dim", "dim0", "start_dim", "dim1", "end_dim", "dims"):
        found = keywords.get(name)
        if found is not None:
            values += found.items if isinstance(found, Group) else [found]
    return [
        each.value if isinstance(each, Plain) and type(each.value) is int else None for each in values
    ]


def _changed(kind: str, count: int) -> Callable[[Tracked, Numbers], Value]:
    def change(value: Tracked, numbers: Numbers) -> Value:
        if len(numbers) < count or None in numbers[:count]:
            return None
        return value.changed(kind, *(numbers[:count] if count else numbers))

    return change


def _permute(value: Tracked, numbers: Numbers) -> Value:
    return value.changed("permute", *numbers) if numbers and None not in numbers else None


def _squeeze(value: Tracked, numbers: Numbers) -> Value:
    return value.changed("squeeze", *numbers) if len(numbers) == 1 and None not in numbers else None


def _matrix_transpose(value: Tracked, numbers: Numbers) -> Value:
    return value.changed("transpose", 0, 1)


def _reshape(value: Tracked, numbers: Numbers) -> Value:
    return value.changed("reshape", *numbers)


def _flattened(value: Tracked, numbers: Numbers) -> Value:
    start = numbers[0] if numbers else None
    if len(numbers) == 1 and start is not None and start > 1:
        return value.changed("flatten", start)
    return value.changed("reshape", *numbers)


_LAYOUTS: dict[str, Callable[[Tracked, Numbers], Value]] = {
    "unsqueeze": _changed("unsqueeze", 1),
    "unsqueeze_": _changed("unsqueeze", 1),
    "squeeze": _squeeze,
    "transpose": _changed("transpose", 2),
    "swapaxes": _changed("transpose", 2),
    "swapdims": _changed("transpose", 2),
    "t": _matrix_transpose,
    "permute": _permute,
    "flatten": _flattened,
    "view": _reshape,
    "reshape": _reshape,
}
"""Changes of the layout of an argument."""


def _record_indices(
    reader: Reader, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value]
) -> None:
    position = _INDEX_POSITION.get(name)
    if position is None:
        return
    index = arguments[position] if position < len(arguments) else keywords.get("index")
    if isinstance(index, Tracked):
        uses = reader.table.of(index)
        uses.indexes = True
        if name.startswith(("gather", "scatter")):  # as many dimensions as the tensor has
            uses.least_rank = max(uses.least_rank, 2)


def _rearranged(reader: Reader, value: Tracked, pattern: Value) -> Value:
    """Return a value after a pattern of einops that inserts dimensions, and record its rank."""
    text = pattern.value if isinstance(pattern, Plain) else None
    if type(text) is not str or len(text) > _LONGEST_PATTERN:
        return None
    before, arrow, after = (part.split() for part in re.sub(r"\([^()]*\)", "()", text).partition("->"))
    if not arrow or "..." in before:
        return None
    if not value.changes:
        reader.table.of(value).rank = len(before)
    if "()" in (*before, *after) or [each for each in after if each != "1"] != before:
        return None
    for dimension, each in enumerate(after):
        value = value.changed("unsqueeze", dimension) if each == "1" else value
    return value


def _one_hot(reader: Reader, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    classes = arguments[1] if len(arguments) > 1 else keywords.get("num_classes")
    number = classes.value if isinstance(classes, Plain) and type(classes.value) is int else None
    first = arguments[0] if arguments else None
    if isinstance(first, Tracked):
        uses = reader.table.of(first)
        uses.indexes = True
        if number is not None and number > 0:
            uses.count = number - 1
    return Computed(number) if number is not None and number > 0 else None


def _joined(name: str, first: Value, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    parts = first if isinstance(first, Group) else keywords.get("tensors")
    numbers = _numbers(arguments[1:], keywords)
    dimension = numbers[0] if numbers else (1 if name == "hstack" else 0)
    if dimension is None:
        return None
    if isinstance(first, Tracked) and not first.changes:
        # The argument itself is a list of tensors, of which one is followed.
        return None
    if not isinstance(parts, Group):
        return None
    if name == "stack":
        inner = [
            each.changed("unsqueeze", dimension) for each in parts.items if isinstance(each, Tracked)
        ]
        return inner[0] if len(inner) == 1 else Mixed(tuple(inner[:8])) if inner else None
    return Joined(parts.items, dimension)


def _with_weight(
    reader: Reader, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value]
) -> Value:
    """Record the use of an argument together with a weight, and return the width of the output."""
    one, *others = [*arguments, None]
    other = others[0] if others and others[0] is not None else keywords.get("weight")
    is_product = name in ("matmul", "mm", "bmm")
    if isinstance(other, Weight) and len(other.shape) > 1:
        shape = other.shape
        if isinstance(one, Tracked):
            function = "linear" if is_product else name
            expected = (*shape[:-2], shape[-1], shape[-2]) if is_product else shape
            reader.table.of(one).weights.append(WeightUse(function, other.path, expected, one.changes))
        return Computed(shape[-1] if is_product or name == "embedding" else shape[0])
    return None


def _shape(reader: Reader, name: str, arguments: Sequence[Value]) -> Value:
    first = arguments[0] if arguments else None
    if name != "size" or not isinstance(first, Tracked):
        return None
    if len(arguments) == 1:
        return Shape(first)
    number = arguments[1].value if isinstance(arguments[1], Plain) else None
    if type(number) is int and not first.changes:
        uses = reader.table.of(first)
        uses.least_rank = max(uses.least_rank, number + 1 if number >= 0 else -number)
    return None


def _parts(name: str, first: Value, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """Return the parts of a tensor that is divided along one dimension."""
    if not isinstance(first, Tracked) or name in ("unbind", "tensor_split"):
        return None
    numbers = [each.value for each in arguments[1:] if isinstance(each, Plain)]
    given = keywords.get("dim")
    dimension = given.value if isinstance(given, Plain) else (numbers[1] if len(numbers) > 1 else 0)
    count = numbers[0] if numbers else None
    if name != "chunk" or type(count) is not int or type(dimension) is not int or not 0 < count <= 32:
        return None
    return Group(tuple(first.changed("split", dimension, count) for _ in range(count)))
