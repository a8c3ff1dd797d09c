"""Sharded models written by tests: shards, indexes and names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
from safetensors.numpy import save_file

INDEX = "model.safetensors.index.json"


def tensors(*names: str) -> dict[str, numpy.ndarray]:
    return {name: numpy.zeros((2, 3), numpy.float32) for name in names}


def write_index(folder: Path, shard_of: object, name: str = INDEX) -> None:
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": shard_of}))


def names(found: object) -> list[str]:
    return [tensor.name for tensor in found.tensors]  # type: ignore[attr-defined]


def shards(folder: Path, count: int, *names: str, stem: str = "model", late: str = "") -> list[str]:
    """Write a set of shards with one tensor each."""
    made = [f"{stem}-{number:05}-of-{count:05}{late}.safetensors" for number in range(1, count + 1)]
    for file, name in zip(made, names, strict=True):
        save_file(tensors(name), folder / file)
    return made
