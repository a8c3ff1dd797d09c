"""Facts of one tensor in a pickle, and their validation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.storages import LARGEST, Storage
from netinspect.checkpoints.pickle.stream import PickleError

MOST_DIMENSIONS = 128
"""torch's own operators accept 64."""


class Tensor:
    """Facts of one tensor, without a name."""

    __slots__ = (
        *("bytes", "dtype", "kind", "layout", "notes", "parts", "shape", "shift", "state", "storage"),
        *("stored", "stride", "trainable", "wraps"),
    )

    def __init__(self, dtype: str, shape: tuple[int, ...], size: int) -> None:
        if math.prod(shape) >= LARGEST:
            raise PickleError(f"a tensor has the shape {format_object(shape, 60)}: too many elements")
        self.dtype = dtype
        self.shape = shape
        self.bytes = size
        self.storage: Storage | None = None
        """None if the tensor has no storage or several."""

        self.parts: tuple[tuple[Any, int], ...] = ()
        """Memory and bytes of each tensor that it consists of, if there are several."""

        self.shift = 0
        """Offset of its first element in the storage in bytes."""

        self.stride: tuple[int, ...] | None = None
        self.layout = "strided"
        self.kind: Literal["parameter", "buffer", "tensor"] = "tensor"
        self.trainable: bool | None = None
        self.notes: list[tuple[str, str]] = []
        """Further facts: kind and text."""

        self.stored = True
        """True if its values are in the file."""

        self.wraps = False
        """True if its values are in tensors of its state."""

        self.state: Any = None

    def made_of(self, inner: Iterable[Tensor]) -> None:
        """Record that the elements are in several tensors, and add up their bytes."""
        pieces = list(inner)
        self.storage, self.stride, self.shift = None, None, 0
        self.parts = tuple(
            part for each in pieces for part in each.parts or ((each.memory(), each.bytes),)
        )
        self.bytes = sum(each.bytes for each in pieces)

    def memory(self) -> tuple[Any, ...]:
        """Return a key that is equal for tensors with the same elements in memory."""
        if self.parts:
            return tuple(memory for memory, _ in self.parts)
        if self.storage is None:
            return (id(self),)
        return self.storage.number, self.shift, self.dtype, self.shape, self.stride

    def copy(self) -> Tensor:
        """Return a copy with its own list of notes."""
        made = Tensor(self.dtype, self.shape, self.bytes)
        for name in self.__slots__:
            setattr(made, name, getattr(self, name))
        made.notes = list(self.notes)
        return made


def check_fit(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int, bits: int, available: int
) -> None:
    """Check that a tensor fits into its storage.

    torch before 2.10 could be made to read and write out of bounds (CVE-2026-24747).

    Raises:
        PickleError: The tensor exceeds its storage.
    """
    if 0 in shape:
        return
    last = offset
    for size, stride in zip(shape, strides, strict=True):
        last += (size - 1) * stride
    needed = ((last + 1) * bits + 7) // 8
    if needed > available:
        raise PickleError(
            f"a tensor of shape {format_object(shape, 60)} with strides {format_object(strides, 60)} "
            f"from element {offset:,} on needs {needed:,} bytes, and its storage has {available:,}"
        )


def is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Return whether the elements are in order without gaps, as defined by torch."""
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size == 0:
            return True
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True
