"""Parser of npy headers, which are Python literals; nothing in them is evaluated."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>[ub]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))"""
    r"""|(?P<number>0|[1-9]\d{0,18})L?(?![\w.])|(?P<word>True|False)\b|(?P<mark>[][(){},:]))""",
    re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4})|(.))", re.DOTALL
)
_PLAIN_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}

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
    tokens = _Tokens(text)
    fields = tokens.value(0)
    tokens.end()
    if type(fields) is not dict or set(fields) != {"descr", "fortran_order", "shape"}:
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


# --- types of elements ---------------------------------------------------------------------------


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


# --- the literal ---------------------------------------------------------------------------------


class _Tokens:
    """Tokens of a literal, read once from start to end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._kind = ""
        self._token = ""
        self._advance()

    def end(self) -> None:
        """Check that no token follows."""
        if self._kind:
            raise self._wrong()

    def value(self, depth: int) -> Any:
        """Parse a value: a string, number, bool, or a tuple, list or dictionary of values."""
        if depth == _DEEPEST:
            raise HeaderError(f"it is nested deeper than {_DEEPEST}")
        kind, token = self._kind, self._token
        if kind == "mark":
            if token not in _CLOSING:
                raise self._wrong()
            self._advance()
            return self._dictionary(depth) if token == "{" else self._sequence(token, depth)
        if not kind:
            raise self._wrong()
        self._advance()
        if kind == "string":
            return _unquoted(token)
        return int(token) if kind == "number" else token == "True"

    def _sequence(self, opening: str, depth: int) -> Any:
        items: list[Any] = []
        comma = True
        while not self._take(_CLOSING[opening]):
            if not comma:
                raise self._wrong()
            items.append(self.value(depth + 1))
            comma = self._take(",")
        if opening == "(" and len(items) == 1 and not comma:
            return items[0]
        return tuple(items) if opening == "(" else items

    def _dictionary(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        comma = True
        while not self._take("}"):
            if not comma or self._kind != "string":
                raise self._wrong()
            key = self.value(depth + 1)
            if key in found or not self._take(":"):
                raise self._wrong()
            found[key] = self.value(depth + 1)
            comma = self._take(",")
        return found

    def _take(self, mark: str) -> bool:
        if self._kind != "mark" or self._token != mark:
            return False
        self._advance()
        return True

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            if self._text[self._at :].strip():
                raise self._wrong()
            self._kind = self._token = ""
            return
        self._kind = match.lastgroup or ""
        self._token = match[self._kind]
        self._at = match.end()

    def _wrong(self) -> HeaderError:
        return HeaderError(f"it is not a literal before {self._text[self._at : self._at + 20]!r}")


def _unquoted(token: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code:
            return chr(int(code, 16))
        if match[4] not in _PLAIN_ESCAPES:
            raise HeaderError(f"a string in it has the unknown escape {match[0]!r}")
        return _PLAIN_ESCAPES[match[4]]

    return _ESCAPE.sub(plain, token.lstrip("ub")[1:-1])
