"""Tensors rebuilt from inert objects, without calling torch's functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.pickle.arrays import array_of
from netinspect.checkpoints.pickle.classes import state_entries
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent
from netinspect.checkpoints.pickle.storages import LARGEST, Part, Storages, dtype_name, whole_number
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensor_facts import (
    MOST_DIMENSIONS,
    Tensor,
    check_fit,
    is_contiguous,
)

_UTILS = "torch._utils._rebuild_"
_MOST_ATTRIBUTES = 100
_BUFFER = ("_is_buffer", "persistent")
_MOST_LAYERS = 8
"""Maximum nesting of rebuild functions around one tensor; regular files have two."""


class Tensors:
    """Builder of the tensors in the objects of one file."""

    def __init__(self, storages: Storages) -> None:
        self.storages = storages
        self.outside: dict[Any, Tensor] = {}
        """Tensors that the pickle refers to by id only."""

        self._known: dict[int, tuple[Called, Tensor | None]] = {}

    def of(self, value: Called, layers: int = 0) -> Tensor | None:
        """Return the tensor that a call would rebuild, or None for any other call.

        Raises:
            PickleError: The call describes an impossible tensor.
        """
        found = self._known.get(id(value))
        if found is None:
            found = self._known[id(value)] = (value, self._rebuild(value, layers))
        return found[1]

    def persistent(self, value: Persistent) -> Tensor | None:
        """Return the tensor with a persistent id, or None for any other object."""
        key = value.key
        if type(key) is str and key.isascii() and key.isdecimal() and len(key) < 25:
            key = int(key)
        if self.outside and type(key) is int:
            return self.outside.get(key)
        part = self.storages.part(value)
        return None if part is None else bare(part)

    def _rebuild(self, value: Called, layers: int) -> Tensor | None:
        path = value.path
        rebuild = _REBUILD.get(path)
        if rebuild is None:
            return array_of(value, self.storages)
        if layers > _MOST_LAYERS:
            raise PickleError("a tensor is wrapped too often")
        try:
            return rebuild(self, value.arguments, layers + 1)
        except (IndexError, ValueError):
            raise PickleError(
                f"{path} is called with {len(value.arguments)} arguments, which are not those it takes"
            ) from None

    def inner(self, value: Any, layers: int) -> Tensor:
        """Return the tensor that an argument is required to be.

        Raises:
            PickleError: The argument is not a tensor.
        """
        found = self.of(value, layers) if type(value) is Called else None
        if type(value) is Persistent:
            found = self.persistent(value)
        if found is None:
            raise PickleError(f"{format_object(value, 60)} is not a tensor")
        return found


def strided(
    part: Part | None, dtype: str | None, offset: Any, sizes: Any, strides: Any, flags: Any
) -> Tensor:
    """Build a tensor on a storage and check that it fits."""
    if part is None or dtype is None:
        raise PickleError("the storage of a tensor is unknown")
    shape, steps = shape_of(sizes), shape_of(strides, "a stride")
    if len(shape) != len(steps):
        raise PickleError(f"a tensor of {len(shape):,} dimensions has {len(steps):,} strides")
    start = whole_number(offset, "the offset of a tensor")
    bits = BITS[dtype]
    check_fit(shape, steps, start, bits, part.bytes)
    elements = math.prod(shape)
    made = Tensor(dtype, shape, min((elements * bits + 7) // 8, part.bytes))
    made.stride = None if is_contiguous(shape, steps) else steps
    made.storage = part.storage
    made.shift = part.shift + start * bits // 8
    if flags is True:
        made.trainable = True
    return made


def bare(part: Part) -> Tensor:
    """Build a one-dimensional tensor of a whole storage."""
    dtype = part.dtype or "uint8"
    return strided(part, dtype, 0, (part.bytes * 8 // BITS[dtype],), (1,), None)


def shape_of(value: Any, what: str = "a shape") -> tuple[int, ...]:
    """Return sizes or strides.

    Args:
        value: The value in their place.
        what: Their name in an error.

    Raises:
        PickleError: The value is not a list or tuple of non-negative integers.
    """
    if type(value) is Called and value.path == "torch.Size" and len(value.arguments) == 1:
        value = value.arguments[0]
    if type(value) is not tuple and type(value) is not list:
        raise PickleError(f"{what} is {format_object(value, 60)}")
    if len(value) > MOST_DIMENSIONS:
        raise PickleError(f"a tensor has {len(value):,} dimensions; {MOST_DIMENSIONS} is the most")
    for size in value:
        if type(size) is not int or not 0 <= size < LARGEST:
            raise PickleError(f"{what} is {format_object(value, 60)}")
    return tuple(value)


def _tensor(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    storage, offset, sizes, strides = arguments
    part = tensors.storages.part(storage)
    return strided(part, part.dtype if part else None, offset, sizes, strides, None)


def _tensor_v2(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    storage, offset, sizes, strides, flag, _, *rest = arguments
    part = tensors.storages.part(storage)
    return _marked(strided(part, part.dtype if part else None, offset, sizes, strides, flag), rest)


def _tensor_v3(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    storage, offset, sizes, strides, flag, _, dtype, *rest = arguments
    part = tensors.storages.part(storage)
    return _marked(strided(part, dtype_name(dtype), offset, sizes, strides, flag), rest)


def _marked(tensor: Tensor, rest: list[Any]) -> Tensor:
    """Add notes for the bits that mark conjugate and negative views."""
    if rest and type(rest[0]) is dict:
        if rest[0].get("conj") is True:
            tensor.notes.append(("conjugate", "each value is the conjugate of the one that is stored"))
        if rest[0].get("neg") is True:
            tensor.notes.append(("negative", "each value is the negative of the one that is stored"))
    return tensor


def _quantized(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    storage, offset, sizes, strides, parameters, flag, *_ = arguments
    part = tensors.storages.part(storage)
    made = strided(part, part.dtype if part else None, offset, sizes, strides, flag)
    made.layout = "quantized"
    if type(parameters) is tuple and parameters and type(parameters[0]) is Named:
        kind = parameters[0].name
        rest = [each for each in parameters[1:4] if type(each) in (int, float)]
        if kind.startswith("per_tensor") and len(rest) == 2:
            made.notes.append(
                ("quantizer", f"{kind}, scale {rest[0]}, zero point {format_object(rest[1])}")
            )
        else:
            axis = f", axis {format_object(rest[-1])}" if rest else ""
            made.notes.append(("quantizer", f"{kind}{axis}"))
            # Scales and zero points are separate tensors and count as part of the weight.
            made.made_of((made.copy(), *(tensors.inner(each, layers) for each in parameters[1:3])))
    return made


def _parameter(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    data, flag, _, *state = arguments
    made = tensors.inner(data, layers).copy()
    made.kind = "parameter"
    made.trainable = flag if type(flag) is bool else None
    made.state = state[0] if state else None
    return made


def _of_type(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    """Rebuild `(function, class, arguments, state)`: a tensor subclass or extra attributes."""
    function, kind, inner, state = arguments
    if type(function) is not Named or type(inner) is not tuple or type(kind) is not Named:
        raise PickleError("a tensor subclass is not in torch's format")
    made = tensors.inner(Called(function, inner), layers).copy()
    if kind.path == "torch.nn.parameter.Parameter":
        made.kind = "parameter"
    elif kind.path not in ("torch.Tensor", "torch._tensor.Tensor"):
        note = ("class", kind.path)
        made.notes += [note] if note not in made.notes else []
    attributes = dict(state_entries(state)) if _is_small(state) else {}
    # An attribute marks an `nn.Buffer` and a parameter of a tensor subclass.
    if attributes.get("_is_buffer") is True:
        made.kind = "buffer"
        state = {key: each for key, each in attributes.items() if key not in _BUFFER}
    elif attributes.get("_is_param") is True:
        made.kind = "parameter"
        state = {key: each for key, each in attributes.items() if key != "_is_param"}
    made.state = state
    return made


def _is_small(state: Any) -> bool:
    """Return whether attributes are few enough to visit for each tensor that shares them."""
    parts = state if type(state) is tuple else (state,)
    return all(len(each) <= _MOST_ATTRIBUTES for each in parts[:2] if type(each) is dict)


def _wrapper(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    """Rebuild a wrapper subclass, whose values are in the tensors of its state."""
    kind, dtype, sizes, _, _, _, _, flag = arguments
    made = _without_values(dtype, sizes, flag)
    made.wraps = True
    if type(kind) is Named:
        made.notes.append(("class", kind.path))
    return made


def _meta(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    dtype, sizes, _, flag = arguments
    return _without_values(dtype, sizes, flag)


def _without_values(dtype: Any, sizes: Any, flag: Any) -> Tensor:
    name = dtype_name(dtype)
    if name is None:
        raise PickleError(f"a tensor is of the unknown type {format_object(dtype, 60)}")
    made = Tensor(name, shape_of(sizes), 0)
    made.stored = False
    if flag is True:
        made.trainable = True
    return made


def _on_device(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    """Rebuild a tensor of a device without storages, possibly stored with another dtype."""
    data, dtype, _, flag = arguments
    made = tensors.inner(data, layers).copy()
    name = dtype_name(dtype)
    if name is not None and name != made.dtype:
        made.notes.append(("type", f"{name}, stored as {made.dtype}"))
    if flag is True:
        made.trainable = True
    return made


def _sparse(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    layout, parts = arguments
    name = layout.arguments[0] if type(layout) is Called and layout.arguments else None
    if type(name) is not str or type(parts) is not tuple:
        raise PickleError("a sparse tensor is not in torch's format")
    stored = 2 if name == "torch.sparse_coo" else 3
    pieces = [tensors.inner(each, layers) for each in parts[:stored]]
    made = Tensor(pieces[-1].dtype, shape_of(parts[stored]), 0)
    made.made_of(pieces)
    made.layout = name.removeprefix("torch.")
    made.notes.append(("stored values", str(math.prod(pieces[-1].shape))))
    return made


def _nested(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    """Rebuild a nested tensor as its buffer, because its shapes are values, which are not read."""
    data = tensors.inner(arguments[0], layers)
    made = data.copy()
    made.layout = "nested"
    made.notes.append(("nested", "the shape is that of the buffer that holds all parts"))
    return made


def _jagged(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    """Rebuild a nested tensor in the jagged layout."""
    (parts,) = arguments
    if type(parts) is not dict:
        raise PickleError("a nested tensor is not in torch's format")
    made = _nested(tensors, (parts.get("values"),), layers)
    made.wraps = True
    if parts.get("requires_grad") is True:
        made.trainable = True
    return made


def _old_csr(tensors: Tensors, arguments: tuple[Any, ...], layers: int) -> Tensor:
    (parts,) = arguments
    return _sparse(
        tensors,
        (Called(Named("torch.serialization", "_get_layout", 0), ("torch.sparse_csr",)), parts),
        layers,
    )


_Rebuild = Callable[[Tensors, tuple[Any, ...], int], Tensor]
_REBUILD: dict[str, _Rebuild] = {
    f"{_UTILS}tensor": _tensor,
    f"{_UTILS}tensor_v2": _tensor_v2,
    f"{_UTILS}tensor_v3": _tensor_v3,
    f"{_UTILS}qtensor": _quantized,
    f"{_UTILS}parameter": _parameter,
    f"{_UTILS}parameter_with_state": _parameter,
    f"{_UTILS}wrapper_subclass": _wrapper,
    f"{_UTILS}meta_tensor_no_storage": _meta,
    f"{_UTILS}device_tensor_from_numpy": _on_device,
    f"{_UTILS}device_tensor_from_cpu_tensor": _on_device,
    f"{_UTILS}xla_tensor": _on_device,
    f"{_UTILS}sparse_tensor": _sparse,
    f"{_UTILS}sparse_csr_tensor": _old_csr,
    f"{_UTILS}nested_tensor": _nested,
    "torch.nested._internal.nested_tensor._rebuild_njt": _jagged,
    "torch._tensor._rebuild_from_type_v2": _of_type,
}
