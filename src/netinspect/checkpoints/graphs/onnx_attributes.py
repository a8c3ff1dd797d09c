"""Attributes of ONNX nodes as text, and the graphs in them."""

from __future__ import annotations

import struct
from typing import NamedTuple

from netinspect.checkpoints.formats.onnx_tensors import read_described
from netinspect.checkpoints.io.protobuf import BYTES, FOUR_BYTES, NUMBER, Wire, WireError, signed

Span = tuple[int, int]

_LONGEST = 200
_MOST_SHOWN = 16
_NAME, _FLOAT, _INT, _STRING, _TENSOR, _GRAPH = 1, 2, 3, 4, 5, 6
_FLOATS, _INTS, _STRINGS, _TENSORS, _GRAPHS, _REFERENCE, _SPARSE = 7, 8, 9, 10, 11, 21, 22
_KINDS = {
    _FLOAT: "float",
    _INT: "int",
    _STRING: "string",
    _TENSOR: "tensor",
    _FLOATS: "floats",
    _INTS: "ints",
    _STRINGS: "strings",
    _TENSORS: "tensors",
    _REFERENCE: "reference",
    _SPARSE: "sparse tensor",
}
_MOST_GRAPHS = 1000


class Attribute(NamedTuple):
    """One `AttributeProto`."""

    name: str
    kind: str
    text: str
    """Its value; a list is cut after a few items, and of a tensor this is the dtype and shape."""

    graphs: list[Span]


def read_attribute(wire: Wire, span: Span) -> Attribute:
    """Read an attribute.

    Raises:
        WireError: The bytes are not one.
        LoadError: The file cannot be read.
    """
    name, kind = "", ""
    items: list[str] = []
    count = 0
    graphs: list[Span] = []
    for number, wired, first, last in wire.fields(*span):
        if number == _NAME and wired == BYTES:
            name = wire.text(first, last, _LONGEST)
        elif number in (_GRAPH, _GRAPHS) and wired == BYTES:
            graphs.append((first, last))
            if len(graphs) > _MOST_GRAPHS:
                raise WireError(f"an attribute has more than {_MOST_GRAPHS:,} graphs")
        elif number in _KINDS:
            kind = _KINDS[number]
            found, more = _items(wire, number, wired, first, last)
            items += found[: _MOST_SHOWN - len(items)]
            count += more
    if kind.endswith("s"):
        text = f"[{', '.join(items)}{', ...' if count > len(items) else ''}]"
    else:
        text = items[-1] if items else ""
    return Attribute(name, kind, text, graphs)


def _items(wire: Wire, number: int, wired: int, first: int, last: int) -> tuple[list[str], int]:
    """Return the first values in a field as text, and the number of all of them."""
    if number in (_STRING, _STRINGS, _REFERENCE) and wired == BYTES:
        return [wire.text(first, last, _LONGEST)], 1
    if number in (_TENSOR, _TENSORS) and wired == BYTES:
        found = read_described(wire, first, last)
        return [f"{found.dtype} [{', '.join(map(str, found.shape))}]"], 1
    if number in (_INT, _INTS):
        if wired == NUMBER:
            return [str(signed(first))], 1
        if wired == BYTES:  # packed
            end = min(last, first + 10 * _MOST_SHOWN)
            raw = wire.read(first, end, 10 * _MOST_SHOWN)
            return [str(each) for each in _varints(raw)[:_MOST_SHOWN]], wire.count_numbers(first, last)
    if number in (_FLOAT, _FLOATS) and wired in (FOUR_BYTES, BYTES):
        raw = wire.read(first, last, 4 * _MOST_SHOWN)
        values = struct.unpack(f"<{len(raw) // 4}f", raw[: len(raw) // 4 * 4])
        return [f"{each:g}" for each in values], (last - first) // 4
    return [], 0


def _varints(raw: bytes) -> list[int]:
    """Return the whole numbers in the first bytes of packed ones."""
    numbers: list[int] = []
    value = shift = 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(signed(value & 0xFFFF_FFFF_FFFF_FFFF))
            value = shift = 0
        elif shift > 63:
            break
    return numbers
