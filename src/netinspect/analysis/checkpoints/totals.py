"""Sums over the tensors of a checkpoint, with what is under several names counted once."""

from __future__ import annotations

from collections.abc import Iterable

from netinspect.records.checkpoint import Checkpoint, StoredTensor
from netinspect.records.checkpoint_header import DtypeShare, StoredTotals

Place = tuple[object, ...]


def place_of(tensor: StoredTensor) -> Place:
    """Return what reports elements apart: tensors that have it in common are one under several names."""
    return (tensor.storage, tensor.position, tensor.shape, tensor.stride, tensor.dtype)


def first_of_each(tensors: Iterable[StoredTensor]) -> list[StoredTensor]:
    """Return the tensors without those that are under an earlier name already."""
    return list({place_of(tensor): tensor for tensor in reversed(list(tensors))}.values())[::-1]


def tied_names(checkpoint: Checkpoint) -> int:
    """Count the names that stand for elements which an earlier name has."""
    return len(checkpoint.tensors) - len({place_of(tensor) for tensor in checkpoint.tensors})


def stored_totals(checkpoint: Checkpoint) -> StoredTotals:
    """Add up the tensors of a checkpoint."""
    counted = first_of_each(checkpoint.tensors)
    storages = {
        tensor.storage: tensor.bytes if tensor.storage_bytes is None else tensor.storage_bytes
        for tensor in counted
        if tensor.file is not None
    }
    return StoredTotals(
        tensors=len(checkpoint.tensors),
        elements=sum(tensor.elements for tensor in counted),
        bytes=sum(tensor.counted_bytes for tensor in counted),
        storage_bytes=sum(storages.values()),
        file_bytes=sum(file.bytes for file in checkpoint.files),
        dtypes=shares(counted),
    )


def shares(tensors: Iterable[StoredTensor]) -> tuple[DtypeShare, ...]:
    """Add up tensors by dtype, the largest share first."""
    sums: dict[str, list[int]] = {}
    for tensor in tensors:
        each = sums.setdefault(tensor.dtype, [0, 0, 0])
        each[0] += 1
        each[1] += tensor.elements
        each[2] += tensor.counted_bytes
    made = [
        DtypeShare(dtype=dtype, tensors=count, elements=elements, bytes=size)
        for dtype, (count, elements, size) in sums.items()
    ]
    return tuple(sorted(made, key=lambda each: (-each.bytes, each.dtype)))
