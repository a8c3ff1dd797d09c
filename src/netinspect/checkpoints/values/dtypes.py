"""Conversion of stored elements to numpy arrays, for torch dtypes that numpy lacks too.

`KINDS` describes how each dtype is stored and converted to floats. One-byte dtypes use a table of
their 256 values. The half types are widened bit by bit, which is exact.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FLOAT8 = {
    # Bits of the exponent, of the mantissa, the bias, and the codes that are not finite numbers.
    "float8_e4m3fn": (4, 3, 7, "all ones is NaN"),
    "float8_e4m3fnuz": (4, 3, 8, "negative zero is NaN"),
    "float8_e5m2": (5, 2, 15, "as IEEE"),
    "float8_e5m2fnuz": (5, 2, 16, "negative zero is NaN"),
}


@dataclass(frozen=True)
class Kind:
    """Representation of the elements of a dtype."""

    raw: str
    """numpy dtype of one stored component in native byte order."""

    how: Literal["as is", "bfloat16", "half", "table", "integer"]
    components: int = 1
    """2 for complex dtypes, whose real and imaginary parts are adjacent."""

    wide: str = "f4"
    """numpy dtype that represents the values exactly or best."""

    @property
    def itemsize(self) -> int:
        """Size of one element in bytes."""
        return int(self.raw[1:]) * self.components


KINDS = {
    "float32": Kind("f4", "as is"),
    "float64": Kind("f8", "as is", wide="f8"),
    "float16": Kind("u2", "half"),
    "bfloat16": Kind("u2", "bfloat16"),
    "complex32": Kind("u2", "half", 2),
    "complex64": Kind("f4", "as is", 2),
    "complex128": Kind("f8", "as is", 2, "f8"),
    "bool": Kind("u1", "table"),
    "uint8": Kind("u1", "table"),
    "int8": Kind("u1", "table"),
    "float8_e4m3fn": Kind("u1", "table"),
    "float8_e4m3fnuz": Kind("u1", "table"),
    "float8_e5m2": Kind("u1", "table"),
    "float8_e5m2fnuz": Kind("u1", "table"),
    "float8_e8m0fnu": Kind("u1", "table"),
    "int16": Kind("i2", "integer"),
    "uint16": Kind("u2", "integer"),
    "int32": Kind("i4", "integer", wide="f8"),
    "uint32": Kind("u4", "integer", wide="f8"),
    "int64": Kind("i8", "integer", wide="f8"),
    "uint64": Kind("u8", "integer", wide="f8"),
}
"""All dtypes, by torch's names, whose elements can be read individually."""


@functools.cache
def table_of(dtype: str) -> NDArray[np.float64]:
    """Return the value of each of the 256 codes of a one-byte dtype."""
    if dtype == "bool":
        return np.array([float(code != 0) for code in range(256)])
    if dtype == "uint8":
        return np.arange(256.0)
    if dtype == "int8":
        return np.array([float(code - 256 * (code > 127)) for code in range(256)])
    if dtype == "float8_e8m0fnu":
        return np.array([math.ldexp(1.0, code - 127) for code in range(255)] + [math.nan])
    return np.array([_small_float(code, *_FLOAT8[dtype]) for code in range(256)])


def _small_float(code: int, exponent_bits: int, mantissa_bits: int, bias: int, specials: str) -> float:
    sign = -1.0 if code & 0x80 else 1.0
    magnitude = code & 0x7F
    exponent, mantissa = magnitude >> mantissa_bits, magnitude & ((1 << mantissa_bits) - 1)
    if specials == "negative zero is NaN" and code == 0x80:
        return math.nan
    if specials == "all ones is NaN" and magnitude == 0x7F:
        return math.nan
    if specials == "as IEEE" and exponent == (1 << exponent_bits) - 1:
        return math.nan if mantissa else sign * math.inf
    if exponent == 0:
        return sign * math.ldexp(mantissa, 1 - bias - mantissa_bits)
    return sign * math.ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits)


@functools.cache
def _narrow_table_of(dtype: str) -> NDArray[np.float32]:
    return table_of(dtype).astype("f4")


def widen(dtype: str, raw: Array, out: Array) -> Array:
    """Convert stored elements to floats.

    Args:
        dtype: A key of `KINDS`.
        raw: The stored components.
        out: Buffer of the same length with the kind's `wide` dtype; unused if no conversion is needed.

    Returns:
        The values, exact except for integers beyond 2^53, which are rounded to float64.
    """
    kind = KINDS[dtype]
    if kind.how == "as is":
        return raw
    if kind.how == "bfloat16":
        np.left_shift(raw, 16, out=out.view("u4"), dtype="u4")
    elif kind.how == "half":
        _widen_half(raw, out)
    elif kind.how == "table":
        np.take(_narrow_table_of(dtype), raw, out=out, mode="clip")
    else:
        np.copyto(out, raw)
    return out


def _widen_half(raw: Array, out: Array) -> None:
    """Convert float16 to float32 by bit operations, several times as fast as numpy's cast.

    The exponent is shifted into place and is then 112 too small, the difference of the biases; this
    holds for subnormal numbers too. Infinities and NaN would become 65536 and more.
    """
    bits = out.view("u4")
    # The sign is spread over the upper half, of which the mask keeps one bit.
    np.left_shift(raw.view("i2"), 13, out=out.view("i4"), dtype="i4")
    np.bitwise_and(bits, 0x8FFFE000, out=bits)
    np.multiply(out, np.float32(2.0**112), out=out)
    # Infinities and NaN are the largest codes of each sign.
    if len(raw) and (np.maximum.reduce(raw.view("i2")) >= 0x7C00 or np.maximum.reduce(raw) >= 0xFC00):
        out[...] = raw.view("f2")
