"""Checkpoints of one raw file with tensors of any dtype and stride, for tests of values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from netinspect.checkpoints.io.source import LocalSource
from netinspect.checkpoints.values.dtypes import KINDS
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from tests.support import torch_dtypes

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SMALL_FLOATS = [
    torch.float8_e4m3fn,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2,
    torch.float8_e5m2fnuz,
    *torch_dtypes("float8_e8m0fnu"),
]
INTEGERS = [
    torch.int8,
    torch.uint8,
    torch.int16,
    torch.uint16,
    torch.int32,
    torch.uint32,
    torch.int64,
    torch.uint64,
]
COMPLEX = [torch.complex32, torch.complex64, torch.complex128]
REAL = [*FLOATS, *SMALL_FLOATS, *INTEGERS, torch.bool]


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def bytes_of(tensor: torch.Tensor) -> bytes:
    """Return the stored bytes of the elements, in order."""
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def write_raw(path: Path, tensors: Mapping[str, torch.Tensor], gap: int = 3) -> Checkpoint:
    """Write tensors into a file, with gaps between them; views keep their strides."""
    data = bytearray(b"\xff" * gap)
    stored: list[StoredTensor] = []
    memory: dict[int, tuple[int, int]] = {}
    for name, tensor in tensors.items():
        address = tensor.untyped_storage().data_ptr()
        if address not in memory or not address:
            memory[address] = (len(memory), len(data))
            storage = torch.tensor([], dtype=torch.uint8).set_(tensor.untyped_storage())
            data += storage.numpy().tobytes() + b"\xff" * gap
        number, start = memory[address]
        stored.append(
            StoredTensor(
                name=name,
                dtype=name_of(tensor.dtype),
                shape=tuple(tensor.shape),
                bytes=tensor.numel() * tensor.element_size(),
                storage=number,
                position=start + int(tensor.storage_offset()) * tensor.element_size(),
                stride=None if tensor.is_contiguous() else tensor.stride(),
            )
        )
    path.write_bytes(data)
    return checkpoint_of(path, *stored)


def checkpoint_of(path: Path, *tensors: StoredTensor) -> Checkpoint:
    with LocalSource(str(path)) as source:
        file = source.stored_file()
    return Checkpoint(target=str(path), format="safetensors", files=(file,), tensors=tensors)


def any_bits(dtype: torch.dtype, size: int, seed: int) -> torch.Tensor:
    """Return elements of random bits, including NaN, infinities, subnormal and huge numbers."""
    kind = KINDS[name_of(dtype)]
    bits = np.random.default_rng(seed).integers(0, 256, size * kind.itemsize, dtype="u1")
    if dtype == torch.bool:
        bits &= 1
    if dtype in (torch.float64, torch.complex128):
        # At most the exponents of float32; wider ones have separate tests.
        wide = any_bits(torch.float32, len(bits) // 8, seed).double()
        return wide.view(dtype)
    # One more element, since a buffer cannot be empty.
    return torch.frombuffer(bytearray(bits.tobytes()) + bytearray(kind.itemsize), dtype=dtype)[:size]


def normal(dtype: torch.dtype, *shape: int, seed: int = 0) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (values * 20).to(dtype) if dtype in INTEGERS else values.to(dtype)


def as_float64(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values converted by torch."""
    return tensor.to(torch.float32).to(torch.float64) if tensor.element_size() == 1 else tensor.double()


def elements(shape: tuple[int, ...]) -> int:
    return math.prod(shape)
