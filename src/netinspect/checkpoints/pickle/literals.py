"""Opcodes of numbers, texts and bytes."""

from __future__ import annotations

import codecs
import re
from struct import Struct
from typing import Any, Final

from netinspect.checkpoints.pickle.objects import DeferredBytes, SkippedValue
from netinspect.checkpoints.pickle.state import Handler, InterpreterState, refuse
from netinspect.checkpoints.pickle.stream import LARGEST_KEPT

_DOUBLE = Struct(">d")
_MOST_DIGITS = 1000
_OCTAL = re.compile(rb"\s*[+-]?0[0-7]+")
_LITTLE: Final = "little"


def constant(value: Any) -> Handler:
    """NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE: push a constant."""

    def handle(interpreter: InterpreterState, at: int) -> int:
        interpreter.stack.append(value)
        return at

    return handle


def binint2(interpreter: InterpreterState, at: int) -> int:
    """BININT2: push an unsigned two-byte integer."""
    data = interpreter.stream.data
    interpreter.stack.append(data[at] | data[at + 1] << 8)
    return at + 2


def binint(interpreter: InterpreterState, at: int) -> int:
    """BININT: push a signed four-byte integer."""
    interpreter.stack.append(int.from_bytes(interpreter.stream.data[at : at + 4], _LITTLE, signed=True))
    return at + 4


def binfloat(interpreter: InterpreterState, at: int) -> int:
    """BINFLOAT: push a big-endian eight-byte float."""
    interpreter.stack.append(_DOUBLE.unpack_from(interpreter.stream.data, at)[0])
    return at + 8


def long1(interpreter: InterpreterState, at: int) -> int:
    """LONG1: push an integer of up to 255 bytes."""
    return _long(interpreter, at + 1, interpreter.stream.data[at])


def long4(interpreter: InterpreterState, at: int) -> int:
    """LONG4: push an integer of any length."""
    return _long(
        interpreter, at + 4, int.from_bytes(interpreter.stream.data[at : at + 4], _LITTLE, signed=True)
    )


def _long(interpreter: InterpreterState, at: int, length: int) -> int:
    if length < 0:
        refuse("a number has a negative length")
    raw, at = _take(interpreter, at, length, "int")
    interpreter.stack.append(
        raw if isinstance(raw, SkippedValue) else int.from_bytes(raw, _LITTLE, signed=True)
    )
    return at


def int_line(interpreter: InterpreterState, at: int) -> int:
    """INT: push a decimal integer, or a bool written as 00 or 01."""
    raw, at = interpreter.stream.line(at)
    if isinstance(raw, bytes) and raw in (b"00", b"01"):
        interpreter.stack.append(raw == b"01")
    else:
        interpreter.stack.append(decimal(raw))
    return at


def long_line(interpreter: InterpreterState, at: int) -> int:
    """LONG: push a decimal integer with the suffix L."""
    raw, at = interpreter.stream.line(at)
    interpreter.stack.append(decimal(raw if isinstance(raw, SkippedValue) else raw.removesuffix(b"L")))
    return at


def decimal(raw: bytes | SkippedValue, base: int = 0) -> int | SkippedValue:
    """Parse an integer as Python's loaders do, but skip a very long one.

    Args:
        raw: The digits.
        base: The base of the digits; 0 takes it from the prefix.
    """
    # Parsing a decimal number takes time quadratic in its length.
    if isinstance(raw, SkippedValue):
        return SkippedValue("int", raw.position, raw.size)
    if len(raw) > _MOST_DIGITS:
        return SkippedValue("int", 0, len(raw))
    try:
        return int(raw, base)
    except ValueError:
        if not base and _OCTAL.fullmatch(raw):
            return int(raw, 8)  # octal as in C, which one of Python's two loaders accepts
        refuse("a number is invalid")


def float_line(interpreter: InterpreterState, at: int) -> int:
    """FLOAT: push a decimal float."""
    raw, at = interpreter.stream.line(at)
    try:
        interpreter.stack.append(raw if isinstance(raw, SkippedValue) else float(raw))
    except ValueError:
        refuse("a number is invalid")
    return at


def _take(
    interpreter: InterpreterState, at: int, length: int, kind: Any
) -> tuple[bytes | SkippedValue, int]:
    if length <= LARGEST_KEPT:
        interpreter.left -= length
        return interpreter.stream.take(at, length)
    opaque = SkippedValue(kind, interpreter.stream.base + at, length)
    return opaque, interpreter.stream.skip(at, length)


def text(width: int) -> Handler:
    """BINUNICODE and variants: push a text, preceded by its length in `width` bytes."""

    def handle(interpreter: InterpreterState, at: int) -> int:
        length = int.from_bytes(interpreter.stream.data[at : at + width], _LITTLE)
        raw, at = _take(interpreter, at + width, length, "str")
        interpreter.stack.append(
            raw if isinstance(raw, SkippedValue) else raw.decode("utf-8", "surrogatepass")
        )
        return at

    return handle


def bytes_of(width: int, *, mutable: bool = False) -> Handler:
    """BINBYTES, BYTEARRAY8 and variants: push bytes, preceded by their length in `width` bytes."""

    def handle(interpreter: InterpreterState, at: int) -> int:
        length = int.from_bytes(interpreter.stream.data[at : at + width], _LITTLE)
        position = interpreter.stream.base + at + width
        raw, at = _take(interpreter, at + width, length, "bytearray" if mutable else "bytes")
        interpreter.stack.append(
            raw if isinstance(raw, SkippedValue) else DeferredBytes(raw, position, mutable)
        )
        return at

    return handle


def old_text(width: int) -> Handler:
    """BINSTRING and SHORT_BINSTRING: push a Python 2 string, which is text or bytes."""

    def handle(interpreter: InterpreterState, at: int) -> int:
        length = int.from_bytes(interpreter.stream.data[at : at + width], _LITTLE, signed=width == 4)
        if length < 0:
            refuse("a text has a negative length")
        raw, at = _take(interpreter, at + width, length, "bytes")
        interpreter.stack.append(text_or_bytes(raw))
        return at

    return handle


def text_or_bytes(raw: bytes | SkippedValue) -> str | bytes | SkippedValue:
    """Decode a Python 2 string if it is valid UTF-8."""
    if isinstance(raw, SkippedValue):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def string_line(interpreter: InterpreterState, at: int) -> int:
    """STRING: push a Python 2 string, written as a quoted literal."""
    raw, at = interpreter.stream.line(at)
    if isinstance(raw, SkippedValue):
        interpreter.stack.append(SkippedValue("bytes", raw.position, raw.size))
        return at
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        refuse("a text is not quoted")
    interpreter.left -= len(raw)
    try:
        interpreter.stack.append(text_or_bytes(codecs.escape_decode(raw[1:-1])[0]))
    except (ValueError, DeprecationWarning):  # DeprecationWarning if warnings are turned into errors
        refuse("a text has an invalid escape")
    return at


def unicode_line(interpreter: InterpreterState, at: int) -> int:
    """UNICODE: push a text with escapes."""
    raw, at = interpreter.stream.line(at)
    interpreter.left -= 0 if isinstance(raw, SkippedValue) else len(raw)
    interpreter.stack.append(raw if isinstance(raw, SkippedValue) else raw.decode("raw-unicode-escape"))
    return at
