"""Sides of a difference made from live modules and state dicts, through real files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from netinspect.analyze.diff.pairing import Pairing, pair_up
from netinspect.analyze.diff.side import Member
from netinspect.records.checkpoint import Checkpoint, StoredFile, StoredTensor


def members(shapes: Mapping[str, tuple[int, ...]], dtype: str = "float32") -> dict[str, Member]:
    """The tensors of a side, from names and shapes."""
    return {
        name: Member(name, shape, dtype, 4, ("memory", number), "tensor", None, number)
        for number, (name, shape) in enumerate(shapes.items())
    }


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a state dict."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def paired(a: Mapping[str, tuple[int, ...]], b: Mapping[str, tuple[int, ...]]) -> Pairing:
    """Pair two sides that are given as names and shapes."""
    return pair_up(members(a), members(b))


def renames(pairing: Pairing) -> list[tuple[str, str, int]]:
    """What renames were told."""
    return [(each.old, each.new, each.names) for each in pairing.renames]


def save(state: Mapping[str, Tensor], file: Path) -> str:
    """Write a state dict as safetensors; tied tensors are copied, as the format has it."""
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, file)
    return str(file)


def stored(
    names: Mapping[str, tuple[int, ...]], sections: Mapping[str, str] | None = None
) -> Checkpoint:
    """A checkpoint record without a file, its tensors in sections by the start of their names."""
    tensors = []
    for number, (name, shape) in enumerate(names.items()):
        section = next((each for start, each in (sections or {}).items() if name.startswith(start)), "")
        size = 4 * torch.Size(shape).numel()
        tensors.append(
            StoredTensor(
                name=name, dtype="float32", shape=shape, bytes=size, storage=number, section=section
            )
        )
    file = StoredFile(name="x.pt", path="/x.pt", bytes=1)
    return Checkpoint(target="x.pt", format="torch zip", files=(file,), tensors=tuple(tensors))
