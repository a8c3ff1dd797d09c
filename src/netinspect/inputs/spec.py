"""Input specs: the grammar of `--input`, parsed without torch.

The grammar is `[NAME=]SIZE[xSIZE…][:DTYPE][:LOW..HIGH][:list]`. Examples:

- `10x1x28x28`, `x=2x3x32x32`, `ids=2x16:int64`;
- `ids=2x16:int64:0..999`: a range that includes both ends;
- `grid=1x3:int64:1,4,4`: exact values, repeated from the first if there are more elements;
- `flag=scalar:bool`: a tensor without dimensions;
- `images=3x320x320:list`: a list of one such tensor;
- `batch.ids=2x16:int64`: a key or an attribute, as forward reads it;
- `batch.0.image=3x64x64`, `state.1=1x20`: items of a list or a tuple;
- `steps:=3`, `mode:="scores"`, `sizes:=[2, 3]`: a plain value, written as a Python literal. A word that
  is not a literal is a string. `cache=False` is short for `cache:=False`, and so for `True` and `None`.
"""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from netinspect._utils.tensors import DTYPES as DTYPES
from netinspect._utils.tensors import MAXIMUM_ELEMENTS, dtype_named, fits
from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record, replace

_LIMITS: dict[str, tuple[int, int]] = {
    "float16": (-65504, 65504),
    # One less than the largest int64: randint takes an exclusive end, which must fit too.
    "int64": (-(2**63) + 1, 2**63 - 2),
    "int32": (-(2**31), 2**31 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 255),
}
"""Values beyond these limits would wrap around or become infinite without an error from torch."""

_NUMBER = r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*"
_VALUES = re.compile(rf"{_NUMBER}(?:,{_NUMBER})+|{_NUMBER},\s*")
_LIST = re.compile(r"list(?P<length>[0-9]{0,4})")
MAXIMUM_LIST = 1024
_LITERALS = ("True", "False", "None")
_INTEGERS = frozenset(dtype for dtype in DTYPES if "int" in dtype)
_EXAMPLE = "write it like 10x1x28x28, x=2x3x32x32 or ids=2x16:int64:0..999"
_NUMBERS = "to pass a Python number, write it with a colon: NAME:=0.5"
_TOO_LARGE = f"its sizes are too large: no more than {MAXIMUM_ELEMENTS:,} elements fit in memory"
_MAXIMUM_QUOTE = 100
_LONGEST_VALUE = 10_000
"""Most characters of a plain value."""

_WORD = re.compile(r"[^\W\d][\w./-]*")
"""A string without quotes, which a shell removes."""


@record
class InputSpec:
    """One argument to build: a tensor, a list of tensors or a plain value."""

    name: str | None
    """Argument of `forward`, or a dotted key in one; None for the next position."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    """Least value; None for the default of the dtype."""

    high: float | None = None
    """Greatest value; integers include it."""

    values: tuple[float, ...] = ()
    """Exact values in order, repeated from the first; empty for random values."""

    listed: int = 0
    """Length of the list of such tensors; 0 for a single tensor."""

    literal: str | None = None
    """Python literal of a plain value, such as `3` or `'scores'`; None for a tensor."""

    typed: bool = False
    """Whether the user wrote the dtype `float32`, which is also the default, and no values."""

    @property
    def value(self) -> Any:
        """The plain value that the literal stands for."""
        return ast.literal_eval(self.literal or "None")

    @property
    def only_sizes(self) -> bool:
        """Whether sizes are all that is given, so that `inherit` may add dtype and range."""
        is_default = self.dtype == "float32" and self.low is None and not self.values
        return is_default and not self.typed and self.literal is None

    @property
    def head(self) -> str | None:
        """Argument of `forward`: the name up to the first dot."""
        return None if self.name is None else self.name.partition(".")[0]

    @property
    def is_floating(self) -> bool:
        """Whether the dtype is floating point."""
        return self.literal is None and "float" in self.dtype

    def with_shape(self, shape: tuple[int, ...]) -> InputSpec:
        """Return the spec with another shape."""
        return replace(self, shape=shape)

    def with_range(self, low: float, high: float) -> InputSpec:
        """Return the spec with other limits."""
        return replace(self, low=low, high=high, values=())

    def with_dtype(self, dtype: str) -> InputSpec:
        """Return the spec with another dtype and its default limits."""
        return replace(self, dtype=dtype, low=None, high=None, values=())

    def as_list(self) -> InputSpec:
        """Return the spec of a list of the examples in such a batch."""
        return replace(self, shape=self.shape[1:], listed=self.shape[0] if self.shape else 1)

    def with_batch(self, batch: int | None) -> InputSpec:
        """Return the spec with another first dimension; a scalar is unchanged.

        Raises:
            UsageError: The batch is negative or too large.
        """
        if batch is None or not (self.shape or self.listed):
            return self
        if self.listed and 0 < batch <= MAXIMUM_LIST:
            return replace(self, listed=batch)
        return self.with_size(0, batch)

    def with_size(self, dimension: int, size: int) -> InputSpec:
        """Return the spec with another size of one existing dimension.

        Raises:
            UsageError: The size is negative or too large.
        """
        shape = (*self.shape[:dimension], size, *self.shape[dimension + 1 :])
        if size < 0 or not fits(shape):
            what = "the batch" if dimension == 0 else f"dimension {dimension}"
            raise UsageError(
                f"cannot set {what} of {self} to {size}",
                cause=_TOO_LARGE if size > 0 else "expected 0 or more",
                hint="give a smaller size" if size > 0 else "omit it to use the size in the spec",
            )
        return replace(self, shape=shape)

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name else ""
        if self.literal is not None:
            return (
                f"{name}{self.literal}"
                if self.literal in _LITERALS
                else f"{self.name or ''}:={self.literal}"
            )
        shape = "x".join(map(str, self.shape)) if self.shape else "scalar"
        limits = ""
        if self.low is not None and self.high is not None:
            limits = f":{_number(self.low)}..{_number(self.high)}"
        elif self.values:
            limits = f":{','.join(map(_number, self.values))}{',' * (len(self.values) == 1)}"
        dtype = f":{self.dtype}" if limits or self.typed or self.dtype != "float32" else ""
        listed = "" if not self.listed else ":list" if self.listed == 1 else f":list{self.listed}"
        return f"{name}{shape}{dtype}{limits}{listed}"


def is_name(text: str) -> bool:
    """Return whether a text is the name of an argument, or of a key or a position in one."""
    first, *keys = text.split(".")
    return first.isidentifier() and all(
        key.isidentifier() or (key.isdecimal() and key.isascii()) for key in keys
    )


def parse_spec(text: str) -> InputSpec:
    """Parse one input spec.

    Raises:
        UsageError: It does not follow the grammar; the error names the wrong part.
    """
    before, is_value, after = text.partition(":=")
    if is_value and (is_name(before.strip()) or not before.strip()):
        return InputSpec(
            name=before.strip() or None, shape=(), literal=_parse_value(text, after.strip())
        )
    name, equals, rest = text.rpartition("=")
    name = name.strip()
    if equals and not is_name(name):
        raise _bad(text, f"{name!r} is not an argument name")
    if rest.strip() in _LITERALS:
        return InputSpec(name=name or None, shape=(), literal=rest.strip())
    shape_text, *parts = rest.strip().split(":")
    shape = _parse_shape(text, shape_text)
    dtype, low, high = "float32", None, None
    typed = False
    values: tuple[float, ...] = ()
    listed = 0
    if parts and (match := _LIST.fullmatch(parts[-1].strip())):
        parts.pop()
        listed = int(match["length"] or 1)
        if not 0 < listed <= MAXIMUM_LIST:
            raise _bad(text, f"a list has 1 to {MAXIMUM_LIST} entries")
    if len(parts) > 2:
        raise _bad(text, "expected at most a shape, a dtype and a range")
    for index, part in enumerate(parts):
        if ".." in part:
            if low is not None or values:
                raise _bad(text, "expected one range or one list of values")
            low, high = _parse_range(text, part)
        elif _VALUES.fullmatch(part):
            if low is not None or values:
                raise _bad(text, "expected one range or one list of values")
            values = tuple(map(_parse_number, part.strip().removesuffix(",").split(",")))
        elif index == 0:
            dtype = _parse_dtype(text, part)
            typed = dtype == "float32"
        else:
            raise _bad(text, f"{_quote(part)} is not a range like 0..999")
    _check_range(text, dtype, low, high)
    if values:
        if dtype in _INTEGERS and any(value % 1 for value in values):
            raise _bad(text, f"{dtype} holds integers only")
        _check_range(text, dtype, min(values), max(values))
    return InputSpec(
        name=name or None,
        shape=shape,
        dtype=dtype,
        low=low,
        high=high,
        values=values,
        listed=listed,
        typed=typed and low is None and not values,
    )


def plain_value(value: object, name: str | None = None) -> InputSpec:
    """Return the spec of a plain value, such as a number or a string."""
    return InputSpec(name=name, shape=(), literal=repr(value))


def _parse_value(text: str, value: str) -> str:
    """Return the literal of a plain value in Python's own form."""
    if len(value) > _LONGEST_VALUE:
        raise _bad(text, f"a plain value has at most {_LONGEST_VALUE:,} characters")
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        if _WORD.fullmatch(value):
            return repr(value)
    raise UsageError(
        _message(text),
        cause=f"{_quote(value)} is not a Python literal" if value else "it has no value",
        hint="write a number, a string, a list or True: steps:=3, mode:=scores, 'sizes:=[2, 3]'",
    )


def _parse_shape(text: str, shape_text: str) -> tuple[int, ...]:
    shape_text = shape_text.strip().lower()
    if shape_text in ("scalar", "()", "[]"):
        return ()
    # The repr of a Python tuple, which has a comma after a single size.
    shape_text = shape_text.strip("()[] ").removesuffix(",").rstrip()
    if not shape_text:
        raise _bad(text, "it has no sizes")
    if "," in shape_text and re.search("[x×]", shape_text):  # noqa: RUF001
        raise _bad(text, "sizes are separated by commas and by x; a list of two is 3x8:list2")
    sizes = []
    for size in re.split(r"\s*[x,×]\s*", shape_text):  # noqa: RUF001
        if not re.fullmatch(r"[0-9]+", size):
            cause = f"{_quote(size)} is not a size"
            if re.fullmatch(r"-?[0-9]*\.[0-9]+", shape_text):
                raise UsageError(_message(text), cause=cause, hint=_NUMBERS)
            raise _bad(text, cause)
        if len(size.lstrip("0")) > len(str(MAXIMUM_ELEMENTS)):
            raise _bad(text, _TOO_LARGE)
        sizes.append(int(size.lstrip("0") or "0"))
    if not fits(sizes):
        raise _bad(text, _TOO_LARGE)
    return tuple(sizes)


def _parse_dtype(text: str, part: str) -> str:
    dtype = dtype_named(part)
    if dtype not in DTYPES:
        raise UsageError(
            _message(text),
            cause=f"{_quote(part)} is not a dtype",
            hint=suggestion(dtype, DTYPES) or f"one of {', '.join(DTYPES)}",
        )
    return dtype


def _parse_range(text: str, part: str) -> tuple[float, float]:
    low_text, _, high_text = part.partition("..")
    try:
        return _parse_number(low_text), _parse_number(high_text)
    except ValueError:
        raise _bad(text, f"{_quote(part)} is not a range like 0..999") from None


def _parse_number(text: str) -> float:
    # A float would round large integers.
    return int(text) if re.fullmatch(r"\s*[-+]?[0-9]{1,30}\s*", text) else float(text)


def _check_range(text: str, dtype: str, low: float | None, high: float | None) -> None:
    if low is None or high is None:
        return
    if math.isnan(low) or math.isnan(high):
        raise _bad(text, "an end of the range is not a number")
    if not (abs(low) < 2**63 and abs(high) < 2**63):
        raise _bad(text, "an end of the range is too large")
    if low > high:
        raise _bad(text, f"the range {_number(low)}..{_number(high)} is empty")
    if dtype == "bool" and not {low, high} <= {0, 1}:
        raise _bad(text, "bool holds only 0..1")
    if dtype.startswith("complex"):
        raise _bad(text, f"{dtype} does not take a range")
    if dtype in _INTEGERS and (low % 1 or high % 1):
        raise _bad(text, f"a range of {dtype} needs integer ends")
    if dtype in _LIMITS and not (_LIMITS[dtype][0] <= low and high <= _LIMITS[dtype][1]):
        least, most = _LIMITS[dtype]
        raise _bad(text, f"{dtype} holds only {least}..{most}")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _bad(text: str, cause: str) -> UsageError:
    return UsageError(_message(text), cause=cause, hint=_EXAMPLE)


def _message(text: str) -> str:
    return f"cannot read the input spec {_quote(text)}"


def _quote(text: str) -> str:
    """Quote a text, or its start if it is long: an error must not fill the screen."""
    return repr(text if len(text) <= _MAXIMUM_QUOTE else f"{text[:_MAXIMUM_QUOTE]}…")
