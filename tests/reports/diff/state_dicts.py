"""State dicts, pairings and files built from names and shapes, for tests of `diff`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from netinspect.records.checkpoint import Checkpoint, StoredFile
from netinspect.records.named_tensors import NamedTensor
from netinspect.reports.diff.pairing import Pairing, pair_names
from netinspect.reports.diff.state_dict import StateDict


def entries(shapes: Mapping[str, tuple[int, ...]], dtype: str = "float32") -> dict[str, NamedTensor]:
    """Return the tensors of one side, from names and shapes."""
    return {
        name: NamedTensor(
            name=name,
            kind="tensor",
            shape=shape,
            dtype=dtype,
            elements=math.prod(shape),
            bytes=4,
            identity=number,
            counted=True,
            tied_to=(),
        )
        for number, (name, shape) in enumerate(shapes.items())
    }


def pair_shapes(a: Mapping[str, tuple[int, ...]], b: Mapping[str, tuple[int, ...]]) -> Pairing:
    """Pair two state dicts that are given as names and shapes."""
    return pair_names(entries(a), entries(b))


def renames(pairing: Pairing) -> list[tuple[str, str, int]]:
    """Return the old name, the new name and the number of names of each rename."""
    return [(each.old, each.new, each.names) for each in pairing.renames]


def save(state: Mapping[str, Tensor], file: Path) -> str:
    """Write a state dict as safetensors; tied tensors are copied, because the format cannot tie them."""
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, file)
    return str(file)


def state_dict(shapes: Mapping[str, tuple[int, ...]]) -> StateDict:
    """Return the state dict of a checkpoint without a file."""
    file = StoredFile(name="x.pt", path="/x.pt", bytes=1)
    checkpoint = Checkpoint(target="x.pt", format="torch zip", files=(file,), tensors=())
    return StateDict(entries(shapes), {}, checkpoint=checkpoint)
