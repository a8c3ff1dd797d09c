"""Data flow between steps: producers of tensors and in-place writers of their memory."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch

from netinspect.records.base import replace
from netinspect.records.steps import Origin
from netinspect.tracing.tensors.inner_tensors import NO_STORAGE

UNKNOWN = Origin()
"""Origin of a tensor that was made outside of the recorded calls."""

_MAX_WRITES = 64
"""Maximum number of remembered writes to different parts of one storage. Without a limit, a loop over
views would make the list of producers grow with the square of its length."""

# Transforms of torch.func pass wrappers to forward; the wrapped tensor has the memory.
_functorch: Any = torch._C._functorch
_is_wrapped = _functorch.is_functorch_wrapped_tensor


class _Part(NamedTuple):
    """Elements of a storage that a tensor covers."""

    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


class DataFlow:
    """Origins of every recorded tensor.

    Tensors and storages are identified by address, with a weak reference to detect a reused address. A
    tensor that no step returned may be a view of one that a step returned. The memory of a tensor may
    later be written through another tensor.

    Args:
        arguments: Names and tensors of the model's arguments.
    """

    def __init__(self, arguments: Iterable[tuple[str, torch.Tensor]] = ()) -> None:
        self.uses_vmap = False
        """True if some tensor was inside `torch.vmap`."""

        self._transforms = False
        self._origins: dict[int, tuple[weakref.ref[torch.Tensor], Origin]] = {}
        for name, tensor in arguments:
            self._set(tensor, Origin(arguments=(name,)))
        self._parameters: dict[str, Origin] = {}
        self._writes: dict[int, tuple[weakref.ref[torch.UntypedStorage], dict[_Part, int]]] = {}
        self._last_write = -1

    def origin(self, tensor: torch.Tensor) -> Origin:
        """Return the origin of a tensor that is not registered."""
        entry = self._origins.get(id(tensor))
        # Addresses are reused after a tensor is freed; the weak reference detects that.
        if entry is not None and entry[0]() is tensor:
            origin = entry[1]
        else:
            origin = self._set(tensor, self._origin_of_base(tensor))
        return self._with_writers(origin, tensor)

    def parameter(self, tensor: torch.Tensor, name: str) -> Origin:
        """Return the origin of a registered tensor with this name."""
        origin = self._parameters.get(name)
        if origin is None:
            origin = self._parameters[name] = Origin(parameters=(name,))
        return self._with_writers(origin, tensor)

    def _with_writers(self, origin: Origin, tensor: torch.Tensor) -> Origin:
        producers = origin.producers
        since = producers[0] if len(producers) == 1 else max(producers, default=-1)
        # Getting a storage is slow; most tensors are not older than the last write.
        if self._last_write > since and (writers := self.writers(tensor, since)):
            return replace(origin, producers=(*producers, *writers))
        return origin

    def _set(self, tensor: torch.Tensor, origin: Origin) -> Origin:
        self._origins[id(tensor)] = weakref.ref(tensor), origin
        return origin

    def writers(self, tensor: torch.Tensor, since: int = -1) -> Sequence[int]:
        """Return the steps after `since` that wrote to a tensor's memory through any tensor."""
        if not self._writes:
            return ()
        if _is_wrapped(tensor):
            tensor = self.unwrapped(tensor)
        storage = _storage(tensor)
        entry = self._writes.get(id(storage))
        if entry is None or entry[0]() is not storage:
            return ()
        part = _part(tensor)
        writes = list(entry[1].items())  # another thread may add one at the same time
        return [index for other, index in writes if index > since and _overlap(part, other)]

    def add_output(self, tensor: torch.Tensor, index: int) -> None:
        """Record that a step returned a tensor."""
        origin = self._set(tensor, Origin(producers=(index,)))
        if self._transforms and (inner := self.unwrapped(tensor)) is not tensor:
            self._set(inner, origin)

    def add_write(self, tensor: torch.Tensor, index: int) -> None:
        """Record that a step wrote to a tensor in place."""
        tensor = self.unwrapped(tensor)
        storage = _storage(tensor)
        if storage is None:
            return
        entry = self._writes.get(id(storage))
        if entry is None or entry[0]() is not storage:
            entry = self._writes[id(storage)] = weakref.ref(storage), {}
        part = _part(tensor)
        entry[1].pop(part, None)
        if entry[1] and math.prod(part.sizes) == (end := _end(part)) - part.offset + 1:
            # A part without gaps read or replaced all earlier writes within it.
            for other in list(entry[1]):
                if other.offset >= part.offset and _end(other) <= end:
                    entry[1].pop(other, None)  # another thread may have removed it
        entry[1][part] = index
        self._last_write = max(self._last_write, index)
        if len(entry[1]) > _MAX_WRITES:
            entry[1].pop(next(iter(list(entry[1]))), None)

    def propagate(self, inputs: Iterable[torch.Tensor], outputs: Iterable[torch.Tensor]) -> None:
        """Give outputs the origins of the inputs, for a call that is not recorded as a step."""
        origins = [self.origin(tensor) for tensor in inputs]
        origin = Origin(
            producers=tuple(dict.fromkeys(index for each in origins for index in each.producers)),
            arguments=tuple(dict.fromkeys(name for each in origins for name in each.arguments)),
        )
        for tensor in outputs:
            self._set(tensor, origin)

    def _origin_of_base(self, tensor: torch.Tensor) -> Origin:
        inner = self.unwrapped(tensor)
        for whole in (inner, inner._base):
            if whole is not None and whole is not tensor:
                entry = self._origins.get(id(whole))
                if entry is not None and entry[0]() is whole:
                    return entry[1]
        return UNKNOWN

    def unwrapped(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor wrapped by a torch.func transform; any other tensor unchanged."""
        while _is_wrapped(tensor):
            self._transforms = True
            self.uses_vmap |= _functorch.is_batchedtensor(tensor)
            tensor = _functorch.get_unwrapped(tensor)
        return tensor


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """Return a tensor's storage, the same object for all tensors on it; None if it has none."""
    try:
        return tensor.untyped_storage()
    except NO_STORAGE:
        return None


def _part(tensor: torch.Tensor) -> _Part:
    return _Part(int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride())


def _overlap(one: _Part, other: _Part) -> bool:
    """Return whether two parts of a storage share an element; True if this method cannot decide."""
    if one == other:
        return True
    if 0 in one.sizes or 0 in other.sizes or _end(one) < other.offset or _end(other) < one.offset:
        return False
    # Slices of one tensor are boxes in it: they are disjoint if they are disjoint along some dimension.
    strides = sorted({*one.strides, *other.strides} - {0}, reverse=True)
    box, other_box = _box(one, strides), _box(other, strides)
    if box is None or other_box is None:
        return True
    return all(
        first < second + size and second < first + length
        for (first, length), (second, size) in zip(box, other_box, strict=True)
    )


def _end(part: _Part) -> int:
    return part.offset + sum(
        (size - 1) * stride for size, stride in zip(part.sizes, part.strides, strict=True)
    )


def _box(part: _Part, strides: list[int]) -> list[tuple[int, int]] | None:
    """Return start and length of a part along each stride; None if it is not a box in these strides."""
    lengths = dict.fromkeys(strides, 1)
    for size, stride in zip(part.sizes, part.strides, strict=True):
        if size > 1 and stride:
            if lengths[stride] > 1:
                return None
            lengths[stride] = size
    box: list[tuple[int, int]] = []
    rest, span = part.offset, 0
    for stride in strides:
        start, rest = divmod(rest, stride)
        if span and (span % stride or (start + lengths[stride]) * stride > span):
            return None
        box.append((start, lengths[stride]))
        span = stride
    return [*box, (rest, 1)]
