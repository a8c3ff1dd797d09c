"""Input specs: the little language of `--input`.

`[NAME=]SIZE[xSIZE…][:DTYPE][:LOW..HIGH]`, such as `10x1x28x28`, `x=2x3x32x32`, `ids=2x16:int64`,
`ids=2x16:int64:0..999` (both ends belong to the range) or `flag=scalar:bool`. No torch is needed to
read one.
"""

from __future__ import annotations

import re
from dataclasses import replace

from netinspect.errors import UsageError, closest
from netinspect.records.base import record

DTYPES = (
    "float32", "float64", "float16", "bfloat16", "complex64", "complex128",
    "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip

_ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "fp32": "float32",
    "fp64": "float64", "fp16": "float16", "bf16": "bfloat16", "f32": "float32", "f16": "float16",
    "long": "int64", "int": "int64", "i64": "int64", "i32": "int32", "u8": "uint8",
}  # fmt: skip

_INTEGERS = frozenset(dtype for dtype in DTYPES if "int" in dtype)
_EXAMPLE = "write it like 10x1x28x28, x=2x3x32x32 or ids=2x16:int64:0..999"
_MAXIMUM_ELEMENTS = 1 << 34


@record
class InputSpec:
    """One tensor to make."""

    name: str | None
    """The argument of `forward` that it is for; None for the next position."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    """Least value; None for the default of the dtype."""

    high: float | None = None
    """Greatest value, which belongs to the range for integers."""

    def with_batch(self, batch: int | None) -> InputSpec:
        """Return the same spec with another first dimension; a scalar has none and stays."""
        if batch is None or not self.shape:
            return self
        return replace(self, shape=(batch, *self.shape[1:]))

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name else ""
        shape = "x".join(map(str, self.shape)) if self.shape else "scalar"
        limits = ""
        if self.low is not None and self.high is not None:
            limits = f":{_number(self.low)}..{_number(self.high)}"
        dtype = f":{self.dtype}" if limits or self.dtype != "float32" else ""
        return f"{name}{shape}{dtype}{limits}"


def parse_spec(text: str) -> InputSpec:
    """Read one input spec.

    Raises:
        UsageError: It does not follow the grammar; the error names the part that does not.
    """
    name, equals, rest = text.rpartition("=")
    name = name.strip()
    if equals and not name.isidentifier():
        raise _bad(text, f"{name!r} is not an argument name")
    shape_text, *parts = rest.strip().split(":")
    shape = _parse_shape(text, shape_text)
    dtype, low, high = "float32", None, None
    if len(parts) > 2:
        raise _bad(text, "there are more than three parts between the colons")
    for part in parts:
        if ".." in part:
            low, high = _parse_range(text, part)
        elif part is parts[0]:
            dtype = _parse_dtype(text, part)
        else:
            raise _bad(text, f"{part!r} is not a range like 0..999")
    _check_range(text, dtype, low, high)
    return InputSpec(name=name or None, shape=shape, dtype=dtype, low=low, high=high)


def _parse_shape(text: str, shape_text: str) -> tuple[int, ...]:
    shape_text = shape_text.strip().strip("()[]").lower()
    if shape_text in ("scalar", ""):
        if not shape_text:
            raise _bad(text, "there are no sizes")
        return ()
    sizes = []
    for size in re.split(r"\s*[x,×]\s*", shape_text):  # noqa: RUF001
        if not re.fullmatch(r"[0-9]{1,12}", size):
            raise _bad(text, f"{size!r} is not a size")
        sizes.append(int(size))
    elements = 1
    for size in sizes:
        elements *= size
    if elements > _MAXIMUM_ELEMENTS:
        raise _bad(text, f"a tensor of {elements:,} elements does not fit in memory")
    return tuple(sizes)


def _parse_dtype(text: str, part: str) -> str:
    dtype = part.strip().lower().removeprefix("torch.")
    dtype = _ALIASES.get(dtype, dtype)
    if dtype not in DTYPES:
        suggestion = closest(dtype, DTYPES)
        raise UsageError(
            f"cannot read the input spec {text!r}",
            cause=f"{part!r} is not a dtype",
            hint=suggestion or f"one of {', '.join(DTYPES)}",
        )
    return dtype


def _parse_range(text: str, part: str) -> tuple[float, float]:
    low_text, _, high_text = part.partition("..")
    try:
        return float(low_text), float(high_text)
    except ValueError:
        raise _bad(text, f"{part!r} is not a range like 0..999") from None


def _check_range(text: str, dtype: str, low: float | None, high: float | None) -> None:
    if low is None or high is None:
        return
    if not (abs(low) < 2**63 and abs(high) < 2**63):
        raise _bad(text, "the range has an end that is too large")
    if low > high:
        raise _bad(text, f"the range {_number(low)}..{_number(high)} is empty")
    if dtype in _INTEGERS and (low % 1 or high % 1):
        raise _bad(text, f"a range of {dtype} needs whole ends")
    if dtype == "uint8" and low < 0:
        raise _bad(text, "uint8 has no negative values")
    if dtype in ("bool", "complex64", "complex128"):
        raise _bad(text, f"a range means nothing for {dtype}")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _bad(text: str, cause: str) -> UsageError:
    return UsageError(f"cannot read the input spec {text!r}", cause=cause, hint=_EXAMPLE)
