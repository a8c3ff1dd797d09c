"""One tensor as a pickle tells it, and whether it can be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from netinspect.checkpoints.pickle.format_object import spell
from netinspect.checkpoints.pickle.storages import LARGEST, Storage
from netinspect.checkpoints.pickle.stream import PickleError

MOST_DIMENSIONS = 128
"""torch's own operators take 64."""


class Tensor:
    """What is known of one tensor before it has a name."""

    __slots__ = (
        *("bytes", "dtype", "kind", "layout", "notes", "parts", "shape", "shift", "state", "storage"),
        *("stored", "stride", "trainable", "wraps"),
    )

    def __init__(self, dtype: str, shape: tuple[int, ...], size: int) -> None:
        if math.prod(shape) >= LARGEST:
            raise PickleError(f"a tensor has the shape {spell(shape, 60)}: too many elements")
        self.dtype = dtype
        self.shape = shape
        self.bytes = size
        self.storage: Storage | None = None
        """None where it lies in none, or in several."""

        self.parts: tuple[tuple[Any, int], ...] = ()
        """Memory and bytes of each tensor that it is made of, where they are several."""

        self.shift = 0
        """Bytes of its storage before its first element."""

        self.stride: tuple[int, ...] | None = None
        self.layout = "strided"
        self.kind: Literal["parameter", "buffer", "tensor"] = "tensor"
        self.trainable: bool | None = None
        self.notes: list[tuple[str, str]] = []
        """What else is to be told of it: of what type it is, and the text."""

        self.stored = True
        """Whether its values are in the file."""

        self.wraps = False
        """Whether its values are those of tensors in its state."""

        self.state: Any = None

    def made_of(self, inner: Iterable[Tensor]) -> None:
        """Note that its elements are in several tensors, and take the bytes of all."""
        pieces = list(inner)
        self.storage, self.stride, self.shift = None, None, 0
        self.parts = tuple(
            part for each in pieces for part in each.parts or ((each.memory(), each.bytes),)
        )
        self.bytes = sum(each.bytes for each in pieces)

    def memory(self) -> tuple[Any, ...]:
        """Return what tensors on the same elements have in common."""
        if self.parts:
            return tuple(memory for memory, _ in self.parts)
        if self.storage is None:
            return (id(self),)
        return self.storage.number, self.shift, self.dtype, self.shape, self.stride

    def copy(self) -> Tensor:
        """Return another one with the same facts."""
        made = Tensor(self.dtype, self.shape, self.bytes)
        for name in self.__slots__:
            setattr(made, name, getattr(self, name))
        made.notes = list(self.notes)
        return made


def check_fit(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int, bits: int, available: int
) -> None:
    """Make sure that a tensor lies in its storage.

    torch before 2.10 could be made to read and write beyond it (CVE-2026-24747).

    Raises:
        PickleError: It does not.
    """
    if 0 in shape:
        return
    last = offset
    for size, stride in zip(shape, strides, strict=True):
        last += (size - 1) * stride
    needed = ((last + 1) * bits + 7) // 8
    if needed > available:
        raise PickleError(
            f"a tensor of shape {spell(shape, 60)} with strides {spell(strides, 60)} from element "
            f"{offset:,} on needs {needed:,} bytes, and its storage has {available:,}"
        )


def is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the elements lie in order without gaps, as torch tells it."""
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size == 0:
            return True
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True
