"""Sides of a difference made from live modules and state dicts, through real files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from netinspect.records.checkpoint import Checkpoint, StoredFile
from netinspect.reports.diff.pairing import Pairing, pair_up
from netinspect.reports.diff.state_dict import StateDict, StateDictEntry


def members(shapes: Mapping[str, tuple[int, ...]], dtype: str = "float32") -> dict[str, StateDictEntry]:
    """The tensors of a side, from names and shapes."""
    return {
        name: StateDictEntry(name, shape, dtype, 4, ("memory", number), "tensor", None, number)
        for number, (name, shape) in enumerate(shapes.items())
    }


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


def side(shapes: Mapping[str, tuple[int, ...]]) -> StateDict:
    """A side of a file that is nowhere."""
    file = StoredFile(name="x.pt", path="/x.pt", bytes=1)
    checkpoint = Checkpoint(target="x.pt", format="torch zip", files=(file,), tensors=())
    return StateDict(members(shapes), {}, checkpoint=checkpoint)
