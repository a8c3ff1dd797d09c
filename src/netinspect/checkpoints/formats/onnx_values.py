"""Inputs and outputs of ONNX graphs: names, types and shapes."""

from __future__ import annotations

from netinspect.checkpoints.formats.onnx_tensors import DTYPES, MOST_DIMENSIONS, dtype_of
from netinspect.checkpoints.io.protobuf import BYTES, NUMBER, Wire, WireError, signed
from netinspect.records.checkpoint import GraphTensor

_DEEPEST_TYPE = 8
_LONGEST_LABEL = 100
_TYPES = {1: "tensor", 8: "sparse", 4: "sequence", 5: "map", 9: "optional", 7: "opaque"}
"""Fields of `TypeProto`."""


def read_value(wire: Wire, begin: int, end: int) -> GraphTensor:
    """Read a `ValueInfoProto`.

    Raises:
        WireError: The bytes are not one.
        LoadError: The file cannot be read.
    """
    name, dtype = "", DTYPES[0]
    shape: tuple[int | str, ...] = ("...",)
    for number, kind, first, last in wire.fields(begin, end):
        if number == 1 and kind == BYTES:
            name = wire.text(first, last)
        elif number == 2 and kind == BYTES:
            dtype, shape = _type(wire, first, last, 0)
    return GraphTensor(name=name, dtype=dtype, shape=shape)


def _type(wire: Wire, begin: int, end: int, depth: int) -> tuple[str, tuple[int | str, ...]]:
    """Read a `TypeProto`; the type of a sequence, map or optional includes that of its elements."""
    if depth == _DEEPEST_TYPE:
        raise WireError(f"a type is nested deeper than {_DEEPEST_TYPE}")
    for number, kind, first, last in wire.fields(begin, end):
        if kind != BYTES or number not in _TYPES:
            continue
        if number in (1, 8):
            dtype, shape = _tensor_type(wire, first, last)
            return (dtype, shape) if number == 1 else (f"sparse {dtype}", shape)
        key, value = "", ""
        for inner, inner_kind, at, until in wire.fields(first, last):
            if inner == (2 if number == 5 else 1) and inner_kind == BYTES and number != 7:
                value = _type(wire, at, until, depth + 1)[0]
            elif inner == 1 and inner_kind == NUMBER:
                key = f"{dtype_of(at)}, "
        return f"{_TYPES[number]}({key}{value})", ("...",)
    return DTYPES[0], ("...",)


def _tensor_type(wire: Wire, begin: int, end: int) -> tuple[str, tuple[int | str, ...]]:
    dtype = DTYPES[0]
    shape: tuple[int | str, ...] = ("...",)
    for number, kind, first, last in wire.fields(begin, end):
        if number == 1 and kind == NUMBER:
            dtype = dtype_of(first)
        elif number == 2 and kind == BYTES:
            sizes = [
                _dimension(wire, at, until)
                for inner, inner_kind, at, until in wire.fields(first, last)
                if inner == 1 and inner_kind == BYTES
            ]
            if len(sizes) > MOST_DIMENSIONS:
                raise WireError(f"a value has {len(sizes):,} dimensions")
            shape = tuple(sizes)
    return dtype, shape


def _dimension(wire: Wire, begin: int, end: int) -> int | str:
    size: int | str = "?"
    for number, kind, first, last in wire.fields(begin, end):
        if number == 1 and kind == NUMBER:
            size = signed(first)
        elif number == 2 and kind == BYTES:
            size = wire.text(first, last, _LONGEST_LABEL) or "?"
    return size
