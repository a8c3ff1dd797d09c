"""Builders of checkpoint records like those of the readers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from netinspect.records.checkpoint import Checkpoint, StoredFile, StoredTensor

WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2, "int64": 8}


def tensor(
    name: str, *shape: int, dtype: str = "float32", storage: int, **facts: object
) -> StoredTensor:
    """Return the record of a contiguous tensor."""
    size = math.prod(shape) * WIDTHS[dtype]
    return StoredTensor(
        **{
            "name": name,
            "dtype": dtype,
            "shape": shape,
            "bytes": size,
            "storage": storage,
            "position": 1000 * storage,
            **facts,
        }  # type: ignore[arg-type]
    )


def state_dict(shapes: Mapping[str, tuple[int, ...]], **facts: object) -> Checkpoint:
    """Return a checkpoint with the given names and shapes, each tensor in memory of its own."""
    made = [tensor(name, *shape, storage=number) for number, (name, shape) in enumerate(shapes.items())]
    return checkpoint(made, **facts)


def checkpoint(tensors: Iterable[StoredTensor], **facts: object) -> Checkpoint:
    """Return a checkpoint of tensors in one file."""
    held = tuple(tensors)
    file = StoredFile(name="model.pt", path="/model.pt", bytes=100 + sum(each.bytes for each in held))
    return Checkpoint(
        **{
            "target": "model.pt",
            "format": "torch zip",
            "files": (file,),
            "tensors": held,
            **facts,
        }  # type: ignore[arg-type]
    )


def llama(blocks: int = 12) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a small Llama."""
    names: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (100, 8)}
    for block in range(blocks):
        at = f"model.layers.{block}"
        for name in "qkvo":
            names[f"{at}.self_attn.{name}_proj.weight"] = (8, 8)
        names[f"{at}.mlp.gate_proj.weight"] = (16, 8)
        names[f"{at}.mlp.up_proj.weight"] = (16, 8)
        names[f"{at}.mlp.down_proj.weight"] = (8, 16)
        names[f"{at}.input_layernorm.weight"] = (8,)
    names["model.norm.weight"] = (8,)
    names["lm_head.weight"] = (100, 8)
    return names
