"""Parser of npy headers, which are Python literals; nothing in them is executed."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""\s+|[][(){},:]|(?P<number>\d+)L?(?![\w.])|(?:True|False)\b"""
    r"""|u?(?:'(?:[^'\\]|\\[\\'"nrtxuU])*'|"(?:[^"\\]|\\[\\'"nrtxuU])*")|(?P<wrong>.)""",
    re.DOTALL | re.ASCII,
)
"""Tokens of the literals that NumPy writes, numbers of Python 2 among them."""

_TYPE = re.compile(
    r"(?P<order>[<>|=]?)(?P<kind>[biufcSUVOMm])(?P<size>\d{1,10})?(?P<unit>\[\d{0,9}(?:[YMWDhms]|[munpfa]s)\])?",
    re.ASCII,
)
_TORCH = {
    "b1": "bool",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "u8": "uint64",
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "c8": "complex64",
    "c16": "complex128",
}
_DEEPEST = 16
_LONGEST_DTYPE = 200
_MOST_DIMENSIONS = 64
"""NumPy's own limit."""

_LARGEST_SIZE = 2**63


class HeaderError(Exception):
    """A text is not a valid header."""


class Element(NamedTuple):
    """Element type of an array."""

    dtype: str
    """torch's name, or NumPy's without the byte order where torch has none; fields of a structure."""

    bytes: int
    big: bool
    objects: bool
    """True if it is a Python object, or contains one."""


class Header(NamedTuple):
    """Content of the header of an array."""

    element: Element
    shape: tuple[int, ...]
    fortran: bool
    """True if the first dimension is the fastest."""


def parse_header(text: str) -> Header:
    """Parse the text of a header.

    Raises:
        HeaderError: The text is not a valid header.
    """
    fields = _evaluate(text)
    if set(fields) != {"descr", "fortran_order", "shape"}:
        raise HeaderError("its keys are not descr, fortran_order and shape")
    shape, fortran = fields["shape"], fields["fortran_order"]
    if type(fortran) is not bool:
        raise HeaderError("its fortran_order is neither True nor False")
    return Header(_element(fields["descr"], 0), _sizes(shape), fortran)


def _sizes(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple or any(type(size) is not int for size in shape):
        raise HeaderError(f"its shape is {shape!s:.40}, not a tuple of numbers")
    if len(shape) > _MOST_DIMENSIONS or max(math.prod(shape), *shape, 0) >= _LARGEST_SIZE:
        raise HeaderError(f"its shape {shape!s:.200} is not possible")
    return shape


def _element(description: Any, depth: int) -> Element:
    if depth == _DEEPEST:
        raise HeaderError(f"its type is nested deeper than {_DEEPEST}")
    if type(description) is str:
        return _simple(description)
    if type(description) is tuple and len(description) == 2:
        inner, sizes = _element(description[0], depth + 1), _sizes(description[1])
        size = _limited(inner.bytes * math.prod(sizes))
        return Element(f"{inner.dtype}{sizes}"[:_LONGEST_DTYPE], size, inner.big, inner.objects)
    if type(description) is not list:
        raise HeaderError(f"its type is {description!s:.40}")
    names: list[str] = []
    seen: set[str] = set()
    size = 0
    objects = False
    for field in description:
        if type(field) is not tuple or len(field) not in (2, 3):
            raise HeaderError("a field of its type is not a tuple of name, type and shape")
        name = field[0][1] if type(field[0]) is tuple and len(field[0]) == 2 else field[0]
        if type(name) is not str or name in seen:
            raise HeaderError(f"a field of its type is called {name!r:.40}")
        seen.add(name)
        inner = _element(field[1] if len(field) == 2 else (field[1], field[2]), depth + 1)
        size = _limited(size + inner.bytes)
        objects = objects or inner.objects
        order = ">" if inner.big else ""
        names.append(f"{name}: {order}{inner.dtype}")
    text = "{" + ", ".join(names) + "}"
    if len(text) > _LONGEST_DTYPE:
        text = text[: _LONGEST_DTYPE - 4] + "...}"
    return Element(text, size, False, objects)


def _simple(text: str) -> Element:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise HeaderError(f"{text!r:.40} is not a type")
    kind, size = match["kind"], int(match["size"] or 0)
    name = kind + (match["size"] or "") + (match["unit"] or "")
    known = f"{kind}{size}" in _TORCH or f"{kind}{size}" in ("f12", "f16", "c24", "c32", "M8", "m8")
    if kind not in "SUVO" and not known:
        raise HeaderError(f"{text!r:.40} is not a type")
    big = match["order"] == ">" and kind != "V" and (size > 1 or kind == "U")
    return Element(_TORCH.get(name, name), size * 4 if kind == "U" else size, big, kind == "O")


def _limited(size: int) -> int:
    if size >= _LARGEST_SIZE:
        raise HeaderError(f"one element would take {size:,} bytes")
    return size


def _evaluate(text: str) -> dict[Any, Any]:
    """Return the dictionary of a literal; its length is limited, as in NumPy, to bound the stack."""
    import ast

    try:
        tree = ast.parse(_TOKEN.sub(_checked, text).strip(), mode="eval").body
        fields: dict[Any, Any] = ast.literal_eval(tree)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        is_deep = isinstance(error, (MemoryError, RecursionError)) or "nested" in str(error)
        cause = f"it is nested deeper than {_DEEPEST}" if is_deep else "it is not a literal"
        raise HeaderError(cause) from None
    if not isinstance(tree, ast.Dict) or len(tree.keys) != len(fields):
        raise HeaderError("it is not a dictionary with different keys")
    return fields


def _checked(match: re.Match[str]) -> str:
    """Return a token as Python 3 writes it; others could execute nothing, but warn or nest deeply."""
    if match["wrong"]:
        before = match.string[match.start() : match.start() + 20]
        raise HeaderError(f"it is not a literal before {before!r}")
    return match["number"] or match[0]
