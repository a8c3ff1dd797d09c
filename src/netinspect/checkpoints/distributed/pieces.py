"""Positions of the elements of tensors stored in pieces, from the headers of the pieces."""

from __future__ import annotations

import os
from collections.abc import Sequence

from netinspect._utils.process import without_collector
from netinspect.checkpoints.io.source import LocalSource
from netinspect.errors import CheckpointError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, StoredPiece, StoredTensor


def locate_pieces(checkpoint: Checkpoint, numbers: Sequence[int] | None = None) -> Checkpoint:
    """Find the elements of tensors that are stored in pieces; other tensors are returned unchanged.

    A tensor in one piece becomes a tensor without pieces. Pieces that cannot be found stay unchanged.

    Args:
        checkpoint: The checkpoint.
        numbers: Indices of the tensors to locate; None for all.

    Raises:
        LoadError: A file cannot be read.
    """
    wanted = range(len(checkpoint.tensors)) if numbers is None else numbers
    waiting = [each for each in wanted if checkpoint.tensors[each].pieces]
    if not waiting:
        return checkpoint
    tensors = list(checkpoint.tensors)
    files: dict[int, list[tuple[int, int]]] = {}
    for number in waiting:
        for index, piece in enumerate(tensors[number].pieces):
            if piece.file is not None and piece.position is None and piece.bytes:
                files.setdefault(piece.file, []).append((number, index))
    found: dict[tuple[int, int], StoredTensor] = {}
    with without_collector():
        for file, pieces in files.items():
            stored = checkpoint.files[file]
            if stored.modified is None and not os.path.exists(stored.path):
                continue  # not a local file
            with LocalSource(stored.path, stored.name) as source:
                for number, index in pieces:
                    tensor = tensors[number]
                    held = _read(source, tensor.pieces[index])
                    if held is not None and held.dtype == tensor.dtype:
                        found[number, index] = held
    for number in waiting:
        tensors[number] = _with_positions(tensors[number], number, found)
    return replace(checkpoint, tensors=tuple(tensors))


def _read(source: LocalSource, piece: StoredPiece) -> StoredTensor | None:
    """Return the tensor of a piece; None if the piece is not a file of `torch.save` with one tensor."""
    from netinspect.checkpoints.formats.torch_zip import read_torch_zip
    from netinspect.checkpoints.io.sub_source import SubSource
    from netinspect.checkpoints.io.zip_archive import Archive

    try:
        source.check_range(piece.begin, piece.bytes)
        part = read_torch_zip(Archive(SubSource(source, piece.begin, piece.bytes)))
    except CheckpointError:
        return None
    held = part.tensors[0] if len(part.tensors) == 1 else None
    return held if held is not None and held.shape == piece.sizes else None


def _with_positions(
    tensor: StoredTensor, number: int, found: dict[tuple[int, int], StoredTensor]
) -> StoredTensor:
    whole = found.get((number, 0))
    if len(tensor.pieces) == 1 and whole is not None and whole.shape == tensor.shape:
        return replace(
            tensor,
            position=whole.position,
            stride=whole.stride,
            byte_order=whole.byte_order,
            file=tensor.pieces[0].file,
            pieces=(),
        )
    pieces = []
    for index, piece in enumerate(tensor.pieces):
        held = found.get((number, index))
        is_plain = held is not None and held.stride is None and held.byte_order == tensor.byte_order
        pieces.append(replace(piece, position=held.position) if held is not None and is_plain else piece)
    return replace(tensor, pieces=tuple(pieces))
