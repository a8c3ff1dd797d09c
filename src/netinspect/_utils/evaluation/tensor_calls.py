"""Calls of torch that make tensors, such as `torch.randn(8, 3, 32, 32)`, and their conversions."""

from __future__ import annotations

import math
from typing import Any

from netinspect._utils.evaluation.values import UNKNOWN, Reference, TensorValue, is_plain
from netinspect._utils.tensors import MAXIMUM_ELEMENTS, dtype_named

_MOST_VALUES = 64
"""Most values of a tensor that are copied exactly."""

_UNIT = frozenset(("rand",))
_FILLED = {"zeros": 0.0, "ones": 1.0}
_RANDOM = frozenset(("randn", "rand", "empty", "zeros", "ones", "full", "randint"))
_LEGACY = {
    "FloatTensor": "float32", "Tensor": "float32", "LongTensor": "int64", "IntTensor": "int32",
    "BoolTensor": "bool", "HalfTensor": "float16", "DoubleTensor": "float64",
}  # fmt: skip
_CONVERSIONS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64",
    "int": "int32", "bool": "bool",
}  # fmt: skip
_SAME = frozenset(["to", "cuda", "cpu", "requires_grad_", "contiguous", "clone", "detach", "type_as"])


def call_torch(dotted: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return the tensor that a call of torch makes.

    Returns:
        A `TensorValue`; `UNKNOWN` if its sizes are not known; None if the call makes no tensor.
    """
    top, _, name = dotted.partition(".")
    if top == "numpy" and name in ("random.rand", "random.randn", "zeros", "ones"):
        found = call_torch(f"torch.{name.rpartition('.')[2]}", args, {})
        return found
    if top != "torch" or "." in name:
        return args[0] if dotted == "torch.autograd.Variable" and args else None
    if name in ("from_numpy", "as_tensor") and args and isinstance(args[0], TensorValue):
        return args[0]
    if name.removesuffix("_like") in _RANDOM and name.endswith("_like"):
        return args[0] if args and isinstance(args[0], TensorValue) else UNKNOWN
    if name in _RANDOM:
        return _made(name, args, kwargs)
    if name in ("tensor", "as_tensor") or (name in _LEGACY and len(args) == 1 and _is_list(args[0])):
        dtype = _LEGACY.get(name) if name in _LEGACY else _dtype(kwargs)
        return _of_values(args[0], dtype) if args and is_plain(args[0]) else UNKNOWN
    if name in _LEGACY:
        return _sized(args, dtype=_LEGACY[name])
    if name == "arange":
        if not args or not all(type(each) is int for each in args):
            return UNKNOWN
        values = range(*args[:3]) if args[2:3] != [0] else range(0)
        return _of_range(values, _dtype(kwargs) or "int64")
    return None


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _made(name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    dtype = _dtype(kwargs)
    if "dtype" in kwargs and dtype is None:
        return UNKNOWN
    args = [*args, *(kwargs[key] for key in ("size",) if key in kwargs)]
    if name == "randint":
        bounds = [kwargs[key] for key in ("low", "high") if key in kwargs]
        bounds += [each for each in args if isinstance(each, int)]
        sizes = [each for each in args if _is_list(each)]
        if not sizes or not 1 <= len(bounds) <= 2 or not all(type(each) is int for each in bounds):
            return UNKNOWN
        low, high = (0, *bounds)[-2:]
        return _sized(sizes, dtype=dtype or "int64", low=low, high=max(high - 1, low))
    if name == "full":
        if len(args) < 2 or not isinstance(args[1], (bool, int, float)):
            return UNKNOWN
        kind = {bool: "bool", int: "int64"}.get(type(args[1]), "float32")
        return _sized(args[:1], dtype=dtype or kind, values=(float(args[1]),))
    dtype = dtype or "float32"
    if name in _FILLED:
        return _sized(args, dtype=dtype, values=(_FILLED[name],))
    if name in _UNIT and "float" in dtype:
        return _sized(args, dtype=dtype, low=0.0, high=1.0)
    return _sized(args, dtype=dtype)


def _sized(sizes: list[Any], **given: Any) -> Any:
    if len(sizes) == 1 and _is_list(sizes[0]):
        sizes = list(sizes[0])
    if not all(type(each) is int and each >= 0 for each in sizes) or len(sizes) > 12:
        return UNKNOWN
    shape = tuple(sizes)
    return TensorValue(shape, **given) if math.prod(shape) <= MAXIMUM_ELEMENTS else UNKNOWN


def _of_values(value: Any, dtype: str | None) -> Any:
    shape: list[int] = []
    inner = value
    while _is_list(inner):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    flat: list[Any] = [value]
    for _ in shape:
        flat = [each for part in flat if _is_list(part) for each in part]
    if len(flat) != math.prod(shape) or not all(isinstance(each, (bool, int, float)) for each in flat):
        return UNKNOWN
    kinds = {type(each) for each in flat}
    kind = "float32" if not kinds or float in kinds else "int64" if int in kinds else "bool"
    dtype = dtype or kind
    if not flat or len(flat) > _MOST_VALUES:
        low, high = (min(flat), max(flat)) if flat else (None, None)
        return TensorValue(tuple(shape), dtype, low, high)
    return TensorValue(tuple(shape), dtype, values=tuple(map(float, flat)))


def _of_range(values: range, dtype: str) -> Any:
    if 0 < len(values) <= _MOST_VALUES:
        return TensorValue((len(values),), dtype, values=tuple(map(float, values)))
    if not 0 < len(values) <= 1 << 20:
        return UNKNOWN
    return TensorValue((len(values),), dtype, min(values), max(values))


def _dtype(kwargs: dict[str, Any]) -> str | None:
    value = kwargs.get("dtype")
    if isinstance(value, type):
        return {int: "int64", float: "float32", bool: "bool"}.get(value)
    name = value.dotted if isinstance(value, Reference) else value
    if not isinstance(name, str):
        return None
    name = name.removeprefix("torch.").removeprefix("numpy.")
    return dtype_named(name)


def call_tensor(tensor: TensorValue, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return the result of a method of a tensor; `UNKNOWN` for most."""
    if name in _CONVERSIONS:
        return _converted(tensor, _CONVERSIONS[name])
    if name in ("to", "type"):
        named = {"dtype": next(iter([*args, *kwargs.values()]), None)}
        dtype = _dtype(named) if isinstance(named["dtype"], Reference) else None
        return _converted(tensor, dtype) if dtype in _CONVERSIONS.values() else tensor
    if name in _SAME:
        return tensor
    if name in ("random_", "normal_", "uniform_", "fill_"):
        return TensorValue(tensor.shape, tensor.dtype)
    if name == "unsqueeze" and len(args) == 1 and type(args[0]) is int:
        at = args[0] + (len(tensor.shape) + 1 if args[0] < 0 else 0)
        return _with_shape(tensor, (*tensor.shape[:at], 1, *tensor.shape[at:]))
    if name in ("view", "reshape"):
        found = _sized(args)
        same = isinstance(found, TensorValue) and math.prod(found.shape) == math.prod(tensor.shape)
        return _with_shape(tensor, found.shape) if same else UNKNOWN
    if name == "size":
        return tensor.shape[args[0]] if args and type(args[0]) is int and tensor.shape else tensor.shape
    return UNKNOWN


def _with_shape(tensor: TensorValue, shape: tuple[int, ...]) -> TensorValue:
    return TensorValue(shape, tensor.dtype, tensor.low, tensor.high, tensor.values)


def _converted(tensor: TensorValue, dtype: str | None) -> TensorValue:
    if dtype is None or dtype == tensor.dtype:
        return tensor
    if "float" in tensor.dtype and "int" in dtype and not tensor.values:
        return TensorValue(tensor.shape, dtype, 0, 1)  # random fractions become small integers
    return TensorValue(tensor.shape, dtype, tensor.low, tensor.high, tensor.values)
