"""Named tensors of a model or a checkpoint, in the one form that all reports read."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint import StoredPiece
from netinspect.records.distribution import Distribution, Statistics
from netinspect.records.values import Layout


@record
class TensorStorage:
    """The place of a tensor in the files of a checkpoint."""

    index: int
    """Index of the tensor in `Checkpoint.tensors`."""

    section: str
    """Keys that lead to the dictionary with the tensor, joined by dots."""

    file: str | None
    """Name of the file; for a tensor stored in pieces, the first few files, separated by commas."""

    member: str
    """Name of the archive entry that stores the elements; empty outside archives."""

    offset: int | None
    """Offset of its first element in the file, in bytes; None if unknown."""

    stride: tuple[int, ...] | None
    """Elements between neighbours in each dimension; None if contiguous."""

    storage: int
    """Number of the memory; tensors with the same number share it."""

    sharing: int
    """Number of tensors in this memory, this one included."""

    storage_bytes: int
    """Bytes of the whole memory."""

    pieces: tuple[StoredPiece, ...] = ()
    """The pieces, in files of `header.files`; empty if the tensor is stored as one."""


@record
class NamedTensor:
    """One named tensor of a model or a checkpoint."""

    name: str
    """Dotted name."""

    kind: OneOf["parameter", "buffer", "tensor"]
    """`tensor` if a checkpoint does not state it."""

    shape: tuple[int | str, ...]
    """Sizes; see `TensorSpec.shape`."""

    dtype: str
    elements: int
    bytes: int
    identity: int
    """Equal for names of the same elements in memory, which are tied."""

    counted: bool
    """False if the same elements were counted under an earlier name."""

    tied_to: tuple[str, ...]
    """Its other names, the first few of them."""

    trainable: bool | None = None
    """`requires_grad` of a parameter; None if unknown, and for a buffer of a model."""

    persistent: bool | None = None
    """Whether it is in the `state_dict` of the model; None for a checkpoint."""

    device: str | None = None
    """torch's name of the device; None for a checkpoint."""

    layout: Layout | None = None
    """None for a plain strided tensor."""

    shared_bytes: int = 0
    """Bytes of inner tensors that are also part of an earlier tensor."""

    statistics: Statistics | None = None
    distribution: Distribution | None = None
    """Quantiles and histogram; None if its values were not read."""

    constant: bool = False
    """Whether it has several elements, all of the same finite value; read with the statistics."""

    not_read: str = ""
    """Why the values were not read; empty if they were, or if that was not asked for."""

    values: str | None = None
    """The tensor as torch prints it, if values were asked for."""

    stored: TensorStorage | None = None
    """None for a model."""

    repeats: int = 1
    """Number of identical tensors at the same place of repeated blocks, in a list that folds them."""

    last_name: str = ""
    """Name of the last of these tensors; empty if there are no others."""

    repeat_of: str | None = None
    """Name of the first of these tensors; None if it is that, or the only one."""

    @property
    def counted_bytes(self) -> int:
        """Bytes that the tensor adds to a sum."""
        return self.bytes - self.shared_bytes if self.counted else 0

    @property
    def counted_elements(self) -> int:
        """Elements that the tensor adds to a sum."""
        return self.elements if self.counted else 0
