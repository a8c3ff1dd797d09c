"""The opcodes of numbers, texts and bytes; each takes a place and returns the next one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from netinspect.checkpoints.pickle.interpreter import Machine, refuse
from netinspect.checkpoints.pickle.objects import Opaque, Placed
from netinspect.checkpoints.pickle.stream import LARGEST_KEPT

Handler = Callable[[Machine, int], int]

_DOUBLE = Struct(">d")
_MOST_DIGITS = 1000
_OCTAL = re.compile(rb"\s*[+-]?0[0-7]+")
_LITTLE: Final = "little"


def constant(value: Any) -> Handler:
    """NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE: the opcode of one value."""

    def handle(machine: Machine, at: int) -> int:
        machine.stack.append(value)
        return at

    return handle


def binint2(machine: Machine, at: int) -> int:
    """BININT2: a number of two bytes."""
    data = machine.stream.data
    machine.stack.append(data[at] | data[at + 1] << 8)
    return at + 2


def binint(machine: Machine, at: int) -> int:
    """BININT: a signed number of four bytes."""
    machine.stack.append(int.from_bytes(machine.stream.data[at : at + 4], _LITTLE, signed=True))
    return at + 4


def binfloat(machine: Machine, at: int) -> int:
    """BINFLOAT: a float of eight bytes, the highest first."""
    machine.stack.append(_DOUBLE.unpack_from(machine.stream.data, at)[0])
    return at + 8


def long1(machine: Machine, at: int) -> int:
    """LONG1: a number of up to 255 bytes."""
    return _long(machine, at + 1, machine.stream.data[at])


def long4(machine: Machine, at: int) -> int:
    """LONG4: a number of any length."""
    return _long(machine, at + 4, int.from_bytes(machine.stream.data[at : at + 4], _LITTLE, signed=True))


def _long(machine: Machine, at: int, length: int) -> int:
    if length < 0:
        refuse("a number has a negative length")
    raw, at = _kept(machine, at, length, "int")
    machine.stack.append(raw if isinstance(raw, Opaque) else int.from_bytes(raw, _LITTLE, signed=True))
    return at


def int_line(machine: Machine, at: int) -> int:
    """INT: a decimal number, or 00 and 01 for the truth values."""
    raw, at = machine.stream.line(at)
    if isinstance(raw, bytes) and raw in (b"00", b"01"):
        machine.stack.append(raw == b"01")
    else:
        machine.stack.append(decimal(raw))
    return at


def long_line(machine: Machine, at: int) -> int:
    """LONG: a decimal number with an L behind it."""
    raw, at = machine.stream.line(at)
    machine.stack.append(decimal(raw if isinstance(raw, Opaque) else raw.removesuffix(b"L")))
    return at


def decimal(raw: bytes | Opaque, base: int = 0) -> int | Opaque:
    """Read a number as Python's loaders do, unless it is a very long one.

    Args:
        raw: Its digits.
        base: Of the digits; 0 for what a prefix says.
    """
    # The time to read a decimal number grows with the square of its length.
    if isinstance(raw, Opaque):
        return Opaque("int", raw.position, raw.size)
    if len(raw) > _MOST_DIGITS:
        return Opaque("int", 0, len(raw))
    try:
        return int(raw, base)
    except ValueError:
        if not base and _OCTAL.fullmatch(raw):
            return int(raw, 8)  # as C has it, and with it one of Python's two loaders
        refuse("a number is none")


def float_line(machine: Machine, at: int) -> int:
    """FLOAT: a decimal fraction."""
    raw, at = machine.stream.line(at)
    try:
        machine.stack.append(raw if isinstance(raw, Opaque) else float(raw))
    except ValueError:
        refuse("a number is none")
    return at


def _kept(machine: Machine, at: int, length: int, kind: Any) -> tuple[bytes | Opaque, int]:
    if length <= LARGEST_KEPT:
        machine.left -= length
        return machine.stream.take(at, length)
    opaque = Opaque(kind, machine.stream.base + at, length)
    return opaque, machine.stream.skip(at, length)


def text(width: int) -> Handler:
    """BINUNICODE and its kin: a text behind its length of so many bytes."""

    def handle(machine: Machine, at: int) -> int:
        length = int.from_bytes(machine.stream.data[at : at + width], _LITTLE)
        raw, at = _kept(machine, at + width, length, "str")
        machine.stack.append(raw if isinstance(raw, Opaque) else raw.decode("utf-8", "surrogatepass"))
        return at

    return handle


def bytes_of(width: int, *, mutable: bool = False) -> Handler:
    """BINBYTES, BYTEARRAY8 and their kin: bytes behind their length of so many bytes."""

    def handle(machine: Machine, at: int) -> int:
        length = int.from_bytes(machine.stream.data[at : at + width], _LITTLE)
        position = machine.stream.base + at + width
        raw, at = _kept(machine, at + width, length, "bytearray" if mutable else "bytes")
        machine.stack.append(raw if isinstance(raw, Opaque) else Placed(raw, position, mutable))
        return at

    return handle


def old_text(width: int) -> Handler:
    """BINSTRING and SHORT_BINSTRING: a string of Python 2, which was text or bytes."""

    def handle(machine: Machine, at: int) -> int:
        length = int.from_bytes(machine.stream.data[at : at + width], _LITTLE, signed=width == 4)
        if length < 0:
            refuse("a text has a negative length")
        raw, at = _kept(machine, at + width, length, "bytes")
        machine.stack.append(text_or_bytes(raw))
        return at

    return handle


def text_or_bytes(raw: bytes | Opaque) -> str | bytes | Opaque:
    """Read a string of Python 2 as text, where it is one."""
    if isinstance(raw, Opaque):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def string_line(machine: Machine, at: int) -> int:
    """STRING: a string of Python 2 as its source code had it."""
    raw, at = machine.stream.line(at)
    if isinstance(raw, Opaque):
        machine.stack.append(Opaque("bytes", raw.position, raw.size))
        return at
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        refuse("a text has no quotation marks around it")
    machine.left -= len(raw)
    try:
        machine.stack.append(text_or_bytes(codecs.escape_decode(raw[1:-1])[0]))
    except (ValueError, DeprecationWarning):  # the latter where warnings are made errors
        refuse("a text has a wrong escape in it")
    return at


def unicode_line(machine: Machine, at: int) -> int:
    """UNICODE: a text with escapes."""
    raw, at = machine.stream.line(at)
    machine.left -= 0 if isinstance(raw, Opaque) else len(raw)
    machine.stack.append(raw if isinstance(raw, Opaque) else raw.decode("raw-unicode-escape"))
    return at
