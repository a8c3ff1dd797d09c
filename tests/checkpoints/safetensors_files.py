"""Builders of safetensors files, and a strategy for nearly valid files."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import strategies as st

Pairs = list[tuple[str, Any]]

BITS = {"F32": 32, "F16": 16, "BOOL": 8, "I64": 64, "C64": 64, "F8_E4M3": 8, "F4": 4, "F6_E2M3": 6}


class Raw(str):
    """Text that is written to JSON unchanged."""

    __slots__ = ()


def dump_pairs(value: Any, escaped: bool = True) -> str:
    """Encode JSON objects given as lists of pairs, so that names may occur twice; tokens may be raw."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        pairs = (f"{dump_pairs(name, escaped)}:{dump_pairs(each, escaped)}" for name, each in value)
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump_pairs(each, escaped) for each in value) + "]"
    return json.dumps(value, ensure_ascii=escaped)


def assemble(header: bytes | str, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header.encode() if isinstance(header, str) else header
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def entry(dtype: Any, shape: Any, begin: Any, end: Any) -> Pairs:
    return [("dtype", dtype), ("shape", shape), ("data_offsets", [begin, end])]


names = st.text(st.characters(codec="utf-8"), max_size=6).filter(lambda name: name != "__metadata__")


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Pairs, bytes]:
    """Generate a valid header and its data."""
    header: Pairs = []
    size = 0
    for name in draw(st.lists(names, unique=True, max_size=4)):
        dtype = draw(st.sampled_from(sorted(BITS)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        bits = math.prod(shape) * BITS[dtype]
        if bits % 8:
            dtype, bits = "BOOL", math.prod(shape) * 8
        header.append((name, entry(dtype, shape, size, size + bits // 8)))
        size += bits // 8
    if draw(st.booleans()):
        words = draw(st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2))
        header.insert(
            draw(st.integers(0, len(header))), ("__metadata__", list(words.items()) or Raw("{}"))
        )
    return draw(st.permutations(header)), draw(st.binary(min_size=size, max_size=size))


_NUMBERS = [-1, 0, 1, 2, 4, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 1.0, 1.5]
_OTHERS = ["", "4", "F32", "F4", "f32", "F99", None, True, [], [0], [1, 2], [[1]]]
_SHAPES = [[2**40, 2**40, 0], [0, 2**40, 2**40]]
_RAW = ["{}", "-0", "1e0", "01", "NaN", "Infinity", "1e999", '"\\ud800"', '{"a":1}']
_RAW += ['"\\u0046\\u0033\\u0032"', "1" * 25, "1" * 5000, "[" * 200 + "]" * 200]
odd: st.SearchStrategy[Any] = st.sampled_from([*_NUMBERS, *_OTHERS, *_SHAPES, *map(Raw, _RAW)])

_PIECES = [
    *(bytes([mark]) for mark in b'{}[]":,\\ \n0-\0\x0c\xff'),
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\\u0041",
]


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """Generate a file that is valid or has some errors."""
    header, data = draw(tensors())
    for _ in range(draw(st.integers(0, 2))):
        header = _changed(draw, header)
    text = (dump_pairs(header, draw(st.booleans())) if header else "{}").encode()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from(_PIECES))
        text = text[:at] + piece + text[at + draw(st.integers(0, 2)) :]
    if draw(st.integers(0, 9)) == 0:
        text += draw(st.sampled_from([b" ", b"\n\t\r ", b"\x00", b"x", b"{}", b"\x0b"]))
    if draw(st.integers(0, 9)) == 0:
        data = draw(st.sampled_from([data + b"\0", data[:-1], b""]))
    length = len(text) + (draw(st.integers(-3, 3)) if draw(st.integers(0, 9)) == 0 else 0)
    return assemble(text, data, max(0, length))


def _changed(draw: st.DrawFn, header: Pairs) -> Pairs:
    """Change one entry or part of an entry."""
    header = list(header)
    kind = draw(
        st.sampled_from(["twice", "drop", "value", "metadata", "field", "field", "field", "field"])
    )
    if kind == "metadata":
        value = draw(
            st.one_of(odd, st.just([("a", "{"), ("b", '}\\"')]), st.just([("a", "1"), ("a", "2")]))
        )
        header.append(("__metadata__", value))
    elif not header:
        pass
    elif kind == "twice":
        header.append(draw(st.sampled_from(header)))
    elif kind == "drop":
        header.pop(draw(st.integers(0, len(header) - 1)))
    elif kind == "value":
        at = draw(st.integers(0, len(header) - 1))
        value = draw(st.one_of(odd, st.just(["F32", [1], [0, 4]])))
        header[at] = (header[at][0], value)
    else:
        at = draw(st.integers(0, len(header) - 1))
        name, fields = header[at]
        if isinstance(fields, list) and fields and isinstance(fields[0], tuple):
            header[at] = (name, _changed_fields(draw, list(fields)))
    return header


def _changed_fields(draw: st.DrawFn, fields: Pairs) -> Pairs:
    at = draw(st.integers(0, len(fields) - 1))
    name, value = fields[at]
    kind = draw(
        st.sampled_from(["twice", "drop", "more", "rename", "value", "value", "inside", "inside"])
    )
    if kind == "twice":
        fields.append(fields[at])
    elif kind == "drop" and len(fields) > 1:
        fields.pop(at)
    elif kind == "more":
        fields.append(("more", draw(odd)))
    elif kind == "rename":
        fields[at] = (draw(st.sampled_from(["Dtype", "shape", "dtype", ""])), value)
    elif kind == "inside" and isinstance(value, list) and value:
        value = list(value)
        value[draw(st.integers(0, len(value) - 1))] = draw(odd)
        fields[at] = (name, value)
    else:
        fields[at] = (name, draw(odd))
    return fields
