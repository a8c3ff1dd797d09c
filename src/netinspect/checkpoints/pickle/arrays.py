"""NumPy arrays in a pickle."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.joblib import wrapper_of
from netinspect.checkpoints.pickle.objects import Called, DeferredBytes, SkippedValue
from netinspect.checkpoints.pickle.storages import Storage, Storages, whole_number
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensor_facts import MOST_DIMENSIONS, Tensor, is_contiguous

_CORES = ("numpy.core", "numpy._core")
_RECONSTRUCT = {f"{core}.multiarray._reconstruct" for core in _CORES}
_FROM_BUFFER = {f"{core}.numeric._frombuffer" for core in _CORES}
_SCALAR = {f"{core}.multiarray.scalar" for core in _CORES}
_TYPES = {
    **{f"i{size}": f"int{size * 8}" for size in (1, 2, 4, 8)},
    **{f"u{size}": f"uint{size * 8}" for size in (1, 2, 4, 8)},
    **{f"f{size}": f"float{size * 8}" for size in (2, 4, 8)},
    **{f"c{size}": f"complex{size * 8}" for size in (8, 16)},
    "b1": "bool",
}
_SPELLING = re.compile(r"[<>|=]?([a-zA-Z])(\d{1,9})")
_FORMATS = {
    **dict(zip(("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"), "bhiqBHIQ", strict=True)),
    **{"f2": "e", "f4": "f", "f8": "d", "b1": "?"},
}


def array_of(value: Called, storages: Storages) -> Tensor | None:
    """Return the array that a call would make, or None if it makes no array or an array of objects.

    Raises:
        PickleError: The call describes an impossible array.
    """
    if value.path in _RECONSTRUCT or wrapper_of(value) is not None:
        if type(value.state) is not tuple or len(value.state) != 5:
            return None
        _, shape, dtype, fortran, data = value.state
        return _array(shape, dtype, fortran is True, data, storages)
    if value.path in _FROM_BUFFER and len(value.arguments) == 4:
        data, dtype, shape, order = value.arguments
        return _array(shape, dtype, order == "F", data, storages)
    return None


def objects_of(value: Called) -> tuple[str, list[Any]] | None:
    """Return the shape and the items of an array of Python objects, or None for anything else."""
    if value.path in _RECONSTRUCT and type(value.state) is tuple and len(value.state) == 5:
        _, shape, _, _, data = value.state
        if type(data) is list:
            return format_object(shape), data
    return None


def scalar_of(value: Called) -> tuple[str, str] | None:
    """Return the dtype and the value of a NumPy scalar, or None for anything else."""
    if value.path not in _SCALAR or len(value.arguments) != 2:
        return None
    parsed = _type_of(value.arguments[0])
    data = value.arguments[1]
    if type(data) is Called:
        data = encoded(data)
    if parsed is None or not isinstance(data, bytes):
        return None
    order, code = parsed
    if code not in _FORMATS or len(data) != int(code[1:]):
        return order + code, format_object(bytes(data))
    number = struct.unpack((">" if order == ">" else "<") + _FORMATS[code], data)[0]
    return _TYPES[code], format_object(number)


def _array(shape: Any, dtype: Any, fortran: bool, data: Any, storages: Storages) -> Tensor | None:
    parsed = _type_of(dtype)
    if parsed is None or type(data) is list:
        return None
    order, code = parsed
    if type(shape) is not tuple or len(shape) > MOST_DIMENSIONS:
        raise PickleError(f"an array has the shape {format_object(shape, 60)}")
    sizes = tuple(whole_number(size, "a size of an array") for size in shape)
    itemsize = int(code[1:]) * (4 if code[0] == "U" else 1)
    swapped = order == ">" and itemsize > 1
    name = _TYPES[code] if code in _TYPES and not swapped else (order if swapped else "") + code
    made = Tensor(name, sizes, math.prod(sizes) * itemsize)
    position: int | None = None
    if isinstance(data, DeferredBytes | SkippedValue):
        size, position = len(data) if isinstance(data, DeferredBytes) else data.size, data.position
        if size != made.bytes:
            raise PickleError(
                f"an array of shape {sizes} of {name} takes {made.bytes:,} bytes, got {size:,}"
            )
    if fortran:
        steps = [math.prod(sizes[:axis]) for axis in range(len(sizes))]
        made.stride = None if is_contiguous(sizes, tuple(steps)) else tuple(steps)
    made.storage = Storage(None, name if name in BITS else None, made.bytes, storages.number())
    made.storage.position = None if position is None else storages.place(position)
    return made


def _type_of(dtype: Any) -> tuple[str, str] | None:
    """Return the byte order (`<`, `>` or `|`) and the type code, such as `f4`, of a dtype."""
    if type(dtype) is not Called or dtype.path != "numpy.dtype" or not dtype.arguments:
        return None
    text = dtype.arguments[0]
    match = _SPELLING.fullmatch(text) if type(text) is str else None
    if match is None or match[1] == "O":
        return None
    order = text[0] if text[0] in "<>|" else "<"
    if type(dtype.state) is tuple and len(dtype.state) > 1 and dtype.state[1] in ("<", ">", "|"):
        order = dtype.state[1]
    return order, match[1] + match[2]


def encoded(value: Called, source: ByteSource | None = None, most: int = 0) -> bytes | None:
    """Return the bytes that protocols before 3 write as a call: a text and its encoding.

    Args:
        value: The call.
        source: ByteSource of skipped text values; without it they are not read.
        most: Maximum number of bytes to read of a skipped value.

    Returns:
        The bytes, or None if the call makes no bytes.
    """
    if value.path == "builtins.bytes" and not value.arguments:
        return b""
    if value.path != "_codecs.encode" or len(value.arguments) != 2:
        return None
    text, encoding = value.arguments
    if isinstance(text, SkippedValue) and source is not None:
        raw = source.read(text.position, min(text.size, most))
        text = raw.decode("raw-unicode-escape" if text.escaped else "utf-8", "ignore")
    if type(text) is not str or encoding != "latin1":
        return None
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None
