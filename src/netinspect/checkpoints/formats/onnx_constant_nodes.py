"""Values of ONNX Constant nodes, which contain one tensor in one of eight attributes.

Exporters without constant folding and hand-written models store their weights there.
"""

from __future__ import annotations

from typing import NamedTuple

from netinspect.checkpoints.formats.onnx_tensors import (
    FLOATS,
    INT64S,
    MOST_DIMENSIONS,
    STRINGS,
    Described,
    read_described,
)
from netinspect.checkpoints.io.protobuf import BYTES, FOUR_BYTES, NUMBER, Wire, WireError

Span = tuple[int, int]

_OPERATOR, _DOMAINS = b"Constant", (b"", b"ai.onnx")
_TENSOR, _SPARSE, _REFERENCE = 5, 22, 21
"""Fields of `AttributeProto`: a tensor, a sparse one, a reference to an attribute of the function."""

_VALUES = {
    "value_float": 2,
    "value_int": 3,
    "value_string": 4,
    "value_floats": 7,
    "value_ints": 8,
    "value_strings": 9,
}
"""Fields of the attributes that are not messages, by name."""

_SCALARS = (2, 3, 4)
_LAYOUTS = {
    **dict.fromkeys((2, 7), ("float32", FLOATS, FOUR_BYTES)),
    **dict.fromkeys((3, 8), ("int64", INT64S, NUMBER)),
    **dict.fromkeys((4, 9), ("STRING", STRINGS, BYTES)),
}
"""For each of these fields: the dtype, the `TensorProto` field with the same layout, the kind."""

_LEFT_OUT = {FLOATS: (4, 2, 0), INT64S: (1, 1, 0), STRINGS: (0, 1, 0)}
"""Bytes, pieces and start of a scalar without a field; two pieces are not read as one."""

_LONGEST_NAME = 100


class Sparse(NamedTuple):
    """One `SparseTensorProto`."""

    shape: tuple[int, ...]
    values: Described
    indices: Described


def is_constant(operator: bytes, domain: bytes) -> bool:
    """Return whether a node is a Constant of ONNX's own domain."""
    return operator == _OPERATOR and domain in _DOMAINS


def read_constant(wire: Wire, attribute: Span) -> Described | Sparse | None:
    """Read the value of an attribute of a Constant node; None if the attribute has no value.

    Raises:
        WireError: The attribute is damaged.
        LoadError: The file cannot be read.
    """
    name = ""
    is_reference = False
    messages: dict[int, Span] = {}
    values: dict[int, list[int]] = {}
    for number, kind, first, last in wire.fields(*attribute):
        if number == 1 and kind == BYTES:
            name = wire.text(first, last, _LONGEST_NAME)
        elif number in (_TENSOR, _SPARSE) and kind == BYTES:
            messages[number] = (first, last)
        elif number == _REFERENCE and last > first:
            is_reference = True
        elif number in _LAYOUTS and kind in (BYTES, _LAYOUTS[number][2]):
            if number in _SCALARS or number not in values:  # the last value of a scalar counts
                values[number] = [0, 0, first, 0]
            found = values[number]
            found[0] += 1 if kind == NUMBER else last - first
            found[1] += 1
            found[3] += _elements(wire, number, kind, first, last)
    if is_reference:
        return None
    if name == "value" and _TENSOR in messages:
        return read_described(wire, *messages[_TENSOR])
    if name == "sparse_value" and _SPARSE in messages:
        return read_sparse(wire, *messages[_SPARSE])
    return _plain(_VALUES[name], values) if name in _VALUES else None


def _elements(wire: Wire, number: int, kind: int, first: int, last: int) -> int:
    """Count the elements in one field: several if they are packed."""
    if kind == _LAYOUTS[number][2] or number in _SCALARS:
        return 1
    return (last - first) // 4 if _LAYOUTS[number][1] == FLOATS else wire.count_numbers(first, last)


def _plain(number: int, values: dict[int, list[int]]) -> Described:
    """Describe numbers or strings as the tensor that they represent.

    Args:
        number: Field of the values.
        values: For each field the bytes, the pieces, the start of the first piece, and the elements.
    """
    dtype, layout, _ = _LAYOUTS[number]
    if number in _SCALARS:
        # proto3 writers omit zero.
        held, pieces, first = values[number][:3] if number in values else _LEFT_OUT[layout]
        return Described(dtype=dtype, data={layout: (held, pieces, first)})
    held, pieces, first, elements = values.get(number, (0, 0, 0, 0))
    return Described(dtype=dtype, shape=(elements,), data={layout: (held, pieces, first)})


def read_sparse(wire: Wire, begin: int, end: int) -> Sparse:
    """Read a `SparseTensorProto`.

    Raises:
        WireError: The bytes are not one.
        LoadError: The file cannot be read.
    """
    shape: list[int] = []
    parts = {1: Described(), 2: Described()}
    for number, kind, first, last in wire.fields(begin, end):
        if number in parts and kind == BYTES:
            parts[number] = read_described(wire, first, last)
        elif number == 3 and kind in (NUMBER, BYTES):
            shape += [first] if kind == NUMBER else wire.packed_numbers(first, last, MOST_DIMENSIONS)
    if len(shape) > MOST_DIMENSIONS or any(size >= 2**63 for size in shape):
        raise WireError(f"the sparse tensor at byte {begin:,} has an impossible shape")
    return Sparse(tuple(shape), parts[1], parts[2])
