"""Arrays of joblib: raw bytes between the opcodes, after an object that describes them.

The layout is that of `joblib.numpy_pickle.NumpyArrayWrapper` (joblib 0.10 and later).
"""

from __future__ import annotations

import math
from typing import Any

from netinspect.checkpoints.pickle.classes import class_of
from netinspect.checkpoints.pickle.objects import Called, SkippedValue
from netinspect.checkpoints.pickle.state import InterpreterState, refuse
from netinspect.checkpoints.pickle.stream import Misframed

_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_FILES = ("NDArrayWrapper", "ZNDArrayWrapper")
"""Classes of joblib before 0.10, which stores each array in a separate file."""

_MOST_FIELDS = 1000
_DEEPEST = 16


def wrapper_of(value: Called) -> str | None:
    """Return the joblib class of an object that represents an array, or None."""
    named = class_of(value)
    if named is None or not named.module.startswith("joblib."):
        return None
    if named.path == _WRAPPER:
        return "bytes"
    return "file" if named.name in _FILES else None


def read_wrapped(interpreter: InterpreterState, wrapper: Called, at: int) -> int:
    """Skip the array after its description and leave the array on the stack.

    Args:
        interpreter: The interpreter, with the description on top of its stack.
        wrapper: The description.
        at: The offset after the description.

    Returns:
        The offset after the array.

    Raises:
        PickleError: The array is cut short, or its size is unknown.
    """
    state = wrapper.state if type(wrapper.state) is dict else {}
    if wrapper_of(wrapper) == "file":
        name = state.get("filename")
        interpreter.names.sibling_files.append(name if type(name) is str else "a file without a name")
        return at
    if "filename" in state or not {"shape", "dtype"} <= state.keys():
        return at
    if interpreter.stream.frame_left(at) > 0:
        raise Misframed("a joblib array is within a frame, but its loader expects it after the frame")
    interpreter.stream.end_frame()
    interpreter.has_arrays = True
    size, has_objects = _element(state["dtype"], 0)
    if has_objects:
        interpreter.stack[-1], at = interpreter.run_nested(at)
        return at
    shape = state["shape"]
    if type(shape) is not tuple or any(type(each) is not int or each < 0 for each in shape):
        refuse("the shape of a joblib array is unknown")
    if state.get("numpy_array_alignment_bytes") is not None:
        padding, at = interpreter.stream.take(at, 1)
        at = interpreter.stream.skip(at, padding[0])
    length = math.prod(shape) * size
    position = interpreter.stream.base + at
    at = interpreter.stream.skip(at, length)
    # The state that NumPy gives to an array: version, shape, dtype, whether in Fortran order, bytes.
    data = SkippedValue("bytes", position, length)
    wrapper.state = (1, shape, state["dtype"], state.get("order") == "F", data)
    return at


def _element(dtype: Any, depth: int) -> tuple[int, bool]:
    """Return the size of an element in bytes, and whether it contains Python objects."""
    if depth < _DEEPEST and type(dtype) is Called and dtype.path == "numpy.dtype" and dtype.arguments:
        text, state = dtype.arguments[0], dtype.state
        digits = text.lstrip("<>|=")[1:] if type(text) is str else ""
        if digits.isdecimal() and len(digits) < 10:
            size = int(digits) * (4 if text.lstrip("<>|=")[0] == "U" else 1)
            if "O" in text:
                return size, True
            if "V" not in text:
                return size, False
            return size, _has_objects(state, depth)
    refuse("the dtype of a joblib array is unknown")


def _has_objects(state: Any, depth: int) -> bool:
    """Return whether a structured or subarray dtype contains Python objects."""
    if type(state) is not tuple or len(state) < 7:
        return False
    _, _, inner, _, fields, *_ = state
    if type(inner) is tuple and inner:
        return _element(inner[0], depth + 1)[1]
    if type(fields) is not dict:
        return False
    if len(fields) > _MOST_FIELDS:
        refuse("the dtype of a joblib array has too many fields")
    return any(
        _element(field[0], depth + 1)[1] for field in fields.values() if type(field) is tuple and field
    )
