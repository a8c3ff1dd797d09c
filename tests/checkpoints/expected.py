"""Comparison of a reported checkpoint with torch's own load: names, shapes, memory, bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch

from netinspect.checkpoints.read import read_checkpoint
from netinspect.records.checkpoint import Checkpoint, StoredTensor


def bytes_of(tensor: torch.Tensor) -> bytes:
    """Return the bytes of the elements of a tensor, in order."""
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    if tensor.is_quantized:
        plain = tensor.detach().int_repr().contiguous()
    return plain.flatten().view(torch.uint8).numpy().tobytes()


def stored_bytes(file: Path, stored: StoredTensor) -> bytes:
    """Return the bytes of the elements at the reported position of the file, in order."""
    assert stored.position is not None
    stride = stored.stride
    if stride is None:
        return _read(file, stored.position, stored.bytes)
    itemsize = stored.bytes // max(1, stored.elements) if 0 not in stride else _itemsize(stored)
    length = 1 + sum((size - 1) * step for size, step in zip(stored.shape, stride, strict=True))
    raw = torch.frombuffer(
        bytearray(_read(file, stored.position, length * itemsize)), dtype=torch.uint8
    ).view(length, itemsize)
    picked = raw.as_strided((*stored.shape, itemsize), (*(step * itemsize for step in stride), 1))
    return picked.contiguous().numpy().tobytes()


def _itemsize(stored: StoredTensor) -> int:
    dtype: torch.dtype = getattr(torch, stored.dtype)
    return dtype.itemsize


def _read(file: Path, position: int, length: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(position)
        data = opened.read(length)
    assert len(data) == length
    return data


def check(file: Path, expected: Mapping[str, torch.Tensor]) -> Checkpoint:
    """Compare all strided tensors of a file with those that torch loads, by name."""
    found = read_checkpoint(str(file))
    reported = {tensor.name: tensor for tensor in found.tensors}
    assert list(reported) == list(expected)
    assert len(reported) == len(found.tensors)
    for name, tensor in expected.items():
        check_tensor(file, reported[name], tensor)
    # The storage numbers must distinguish memory exactly as torch does.
    pairs = {
        (reported[name].storage, tensor.untyped_storage().data_ptr() or name)
        for name, tensor in expected.items()
        if tensor.layout is torch.strided and tensor.untyped_storage().nbytes()
    }
    assert len({number for number, _ in pairs}) == len({place for _, place in pairs}) == len(pairs)
    return found


def check_tensor(file: Path, stored: StoredTensor, tensor: torch.Tensor) -> None:
    """Compare one tensor with that of torch."""
    assert stored.shape == tuple(tensor.shape)
    assert f"torch.{stored.dtype}" == str(tensor.dtype)
    assert stored.elements == tensor.numel()
    if tensor.layout is not torch.strided or tensor.is_meta:
        return
    contiguous = tensor.is_contiguous()
    assert stored.stride == (None if contiguous else tensor.stride())
    assert stored.file == 0
    size = tensor.untyped_storage().nbytes()
    assert (stored.storage_bytes or stored.bytes) == size
    assert stored.bytes == min(math.prod(tensor.shape) * tensor.element_size(), size)
    assert stored_bytes(file, stored) == bytes_of(tensor)
