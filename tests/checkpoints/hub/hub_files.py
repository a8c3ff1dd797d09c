"""Files and reads for tests of the hub."""

from __future__ import annotations

import json

import numpy
from safetensors.numpy import save

from netinspect import read_checkpoint
from tests.checkpoints.hub.hub_server import File

INDEX = "model.safetensors.index.json"


def weights(*names: str) -> File:
    return File(save({name: numpy.zeros((2, 3), numpy.float32) for name in names}))


def small(text: str) -> File:
    return File(text.encode(), stored_elsewhere=False)


def huge(count: int, size: int, prefix: str = "w") -> File:
    """Return a file whose header lists `count` tensors of `size` bytes each."""
    entries = {
        f"{prefix}.{number}": {
            "dtype": "U8",
            "shape": [size],
            "data_offsets": [number * size, number * size + size],
        }
        for number in range(count)
    }
    header = json.dumps(entries).encode()
    return File(len(header).to_bytes(8, "little") + header, 8 + len(header) + count * size)


def read(text: str) -> list[str]:
    return [tensor.name for tensor in read_checkpoint(text, online=True).tensors]
