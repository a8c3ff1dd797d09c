"""safetensors with pieces of tensors, one file per process of torch.distributed.checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.formats.safetensors import read_safetensors
from netinspect.checkpoints.formats.safetensors_header import Header
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.short_text import first_problems, short
from netinspect.checkpoints.io.sub_source import MemorySource
from netinspect.errors import CheckpointError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, Entry, StoredFile, StoredPiece, StoredTensor

_OFFSETS = "DCP_SHARDING_INFO"
_MOST_TENSORS = 500_000
_LARGEST = 1 << 62


def read_spread(file_set: FileSet, names: Sequence[str]) -> Checkpoint:
    """Read the files of all processes, and combine the pieces of each tensor.

    Raises:
        CheckpointError: A file is damaged, or has no offsets for its pieces.
        LoadError: A file cannot be read.
    """
    files: list[StoredFile] = []
    held: dict[str, list[tuple[StoredTensor, StoredPiece]]] = {}
    metadata: dict[Entry, None] = {}
    count = 0
    for name in names:
        with file_set.open(name) as source:
            part = read_safetensors(source)
            header = Header(source)
            for _ in header.tensors():
                pass
            text = header.metadata.get(_OFFSETS, "{}").encode("utf-8", "surrogatepass")
            offsets = read_object(MemorySource(source, text))
        metadata |= dict.fromkeys(each for each in part.metadata if each.name != _OFFSETS)
        count += len(part.tensors)
        if count > _MOST_TENSORS:
            raise CheckpointError(f"{file_set.name} holds more than {_MOST_TENSORS:,} pieces of tensors")
        for tensor in part.tensors:
            piece = StoredPiece(
                offsets=_offsets(name, tensor, offsets.get(tensor.name)),
                sizes=tensor.shape,
                file=len(files),
                position=tensor.position,
                bytes=tensor.bytes,
            )
            held.setdefault(tensor.name, []).append((tensor, piece))
        files += part.files
    problems: list[str] = []
    tensors = [_whole(pieces, number, problems) for number, pieces in enumerate(held.values())]
    return Checkpoint(
        target=file_set.name,
        format="safetensors",
        files=tuple(files),
        tensors=tuple(tensors),
        metadata=tuple(metadata),
        problems=first_problems(problems),
    )


def _offsets(file: str, tensor: StoredTensor, sharding: Any) -> tuple[int, ...]:
    offsets = sharding.get("saved_offsets") if isinstance(sharding, dict) else None
    if (
        not isinstance(offsets, list)
        or len(offsets) != len(tensor.shape)
        or any(type(each) is not int or not 0 <= each < _LARGEST for each in offsets)
    ):
        raise CheckpointError(
            f"{file} does not record which piece of {short(tensor.name)!r} it has",
            cause=f"its {_OFFSETS} has no offsets for it",
        )
    return tuple(offsets)


def _whole(
    held: list[tuple[StoredTensor, StoredPiece]], number: int, problems: list[str]
) -> StoredTensor:
    """Combine the pieces of a tensor; its shape is the extent of the pieces."""
    first = held[0][0]
    same = [piece for tensor, piece in held if tensor.dtype == first.dtype]
    same = [piece for piece in same if len(piece.sizes) == len(first.shape)]
    if len(same) < len(held):
        problems.append(f"{short(first.name)} has another dtype or rank in one file than in another")
    shape = tuple(
        max(at + size for at, size in sides)
        for sides in zip(*(zip(each.offsets, each.sizes, strict=True) for each in same), strict=True)
    )
    elements = math.prod(shape)
    there = sum(math.prod(each.sizes) for each in same)
    if elements != there:
        problems.append(
            f"the pieces of {short(first.name)} reach to {shape}, and have {there:,} of {elements:,} "
            "elements: a file is missing, or two hold the same"
        )
    made = replace(first, shape=shape, storage=number, bytes=sum(each.bytes for each in same))
    if len(same) == 1 and same[0].sizes == shape:
        return replace(made, file=same[0].file)
    return replace(made, file=same[0].file, position=None, pieces=tuple(same))
