"""Totals over the tensors of a checkpoint, with tied tensors counted once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from netinspect.records.checkpoint import Checkpoint, StoredTensor
from netinspect.records.checkpoint_header import DtypeShare, StoredTotals


def memory_key(tensor: StoredTensor) -> Hashable:
    """Return a key that tensors share if they are the same elements of the same memory.

    A tensor shares it with its transpose and its flat view, as the tensors of a model do. An empty
    tensor shares memory with no other.
    """
    if not tensor.bytes:
        return tensor.section, tensor.name
    runs: list[tuple[int, int]] = []
    if tensor.stride is None:
        runs.append((1, tensor.elements))
    else:
        # From the widest stride, dimensions are joined if one continues where the next one ends.
        for stride, size in sorted(zip(tensor.stride, tensor.shape, strict=True), reverse=True):
            if runs and size > 1 and runs[-1][0] == stride * size:
                runs[-1] = stride, runs[-1][1] * size
            elif size > 1:
                runs.append((stride, size))
    spans = tuple(run for run in runs if run[1] > 1)
    return tensor.storage, tensor.position, tensor.dtype, tensor.layout, spans


def first_of_each(tensors: Iterable[StoredTensor]) -> list[StoredTensor]:
    """Return the tensors without those that have an earlier name."""
    return list({memory_key(tensor): tensor for tensor in reversed(list(tensors))}.values())[::-1]


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
        tied=len(checkpoint.tensors) - len(counted),
        elements=sum(tensor.elements for tensor in counted),
        bytes=sum(tensor.counted_bytes for tensor in counted),
        storage_bytes=sum(storages.values()),
        file_bytes=sum(file.bytes for file in checkpoint.files),
        dtypes=dtype_shares(counted),
    )


def dtype_shares(tensors: Iterable[StoredTensor]) -> tuple[DtypeShare, ...]:
    """Add up tensors by dtype, the largest share first."""
    sums: dict[str, list[int]] = {}
    for tensor in tensors:
        share = sums.setdefault(tensor.dtype, [0, 0, 0])
        share[0] += 1
        share[1] += tensor.elements
        share[2] += tensor.counted_bytes
    shares = [
        DtypeShare(dtype=dtype, tensors=count, elements=elements, bytes=size)
        for dtype, (count, elements, size) in sums.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.bytes, share.dtype)))
