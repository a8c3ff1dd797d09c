"""Assembly of tensors that are stored as boxes, in the order of their elements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from netinspect.checkpoints.io.source import LocalSource
from netinspect.checkpoints.values.dtypes import KINDS, Array
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import StoredPiece, StoredTensor

Corner = tuple[int, ...]


def read_pieces(
    tensor: StoredTensor, start: int, room: Array, sources: Mapping[int, LocalSource]
) -> None:
    """Read bytes of a tensor in pieces into an array.

    Args:
        tensor: The tensor; all its pieces have a position.
        start: Index of the first byte, at the start of an element.
        room: The array to fill, of whole elements.
        sources: The open files by number.

    Raises:
        CheckpointError: Some elements are in no piece, or a file ends too early.
        LoadError: A file cannot be read, or has changed.
    """
    itemsize = KINDS[tensor.dtype].itemsize
    first, count = start // itemsize, len(room) // itemsize
    filled = 0
    for corner, sizes in boxes(tensor.shape, first, first + count):
        length = math.prod(sizes)
        box = room[filled * itemsize : (filled + length) * itemsize].reshape(*sizes, itemsize)
        _fill(tensor, corner, box, sources, itemsize)
        filled += length


def _fill(
    tensor: StoredTensor,
    corner: Corner,
    box: Array,
    sources: Mapping[int, LocalSource],
    itemsize: int,
) -> None:
    """Fill a box of a tensor from all pieces that overlap it."""
    seen = np.zeros(box.shape[:-1], bool)
    for piece in tensor.pieces:
        low = tuple(map(max, corner, piece.offsets))
        ends = [at + size for at, size in zip(piece.offsets, piece.sizes, strict=True)]
        high = [min(at + size, end) for at, size, end in zip(corner, box.shape, ends, strict=False)]
        if any(below >= above for below, above in zip(low, high, strict=True)):
            continue
        part = tuple(
            slice(below - at, above - at) for below, above, at in zip(low, high, corner, strict=True)
        )
        target = box[part]
        raw = _read_box(piece, low, target.shape[:-1], sources, itemsize)
        target[...] = raw.reshape(target.shape)
        seen[part] = True
    if not seen.all():
        raise CheckpointError(f"{tensor.name:.200} is not whole", cause="some elements are in no piece")


def _read_box(
    piece: StoredPiece,
    low: Corner,
    sizes: tuple[int, ...],
    sources: Mapping[int, LocalSource],
    itemsize: int,
) -> Array:
    """Read a box of a tensor from a piece, in which it is contiguous.

    A box from `boxes` has one element in its first dimensions and all elements in its last ones, so its
    overlap with the piece is one range of the piece.
    """
    assert piece.file is not None
    assert piece.position is not None
    at = 0
    for index, offset, size in zip(low, piece.offsets, piece.sizes, strict=True):
        at = at * size + index - offset
    raw = np.empty(math.prod(sizes) * itemsize, "u1")
    sources[piece.file].read_into(piece.position + at * itemsize, raw.data)
    return raw


def boxes(
    shape: tuple[int, ...], start: int, stop: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Split a range of elements into boxes, each an index and sizes, in the order of elements."""
    if len(shape) == 1:
        yield (start,), (stop - start,)
        return
    row = math.prod(shape[1:])
    first, lead = divmod(start, row)
    if lead or stop - start < row:
        end = min(stop, (first + 1) * row)
        for corner, sizes in boxes(shape[1:], lead, end - first * row):
            yield (first, *corner), (1, *sizes)
        first, start = first + 1, end
    if rows := (stop - start) // row:
        yield (first, *(0 for _ in shape[1:])), (rows, *shape[1:])
        first, start = first + rows, start + rows * row
    if start < stop:
        for corner, sizes in boxes(shape[1:], 0, stop - start):
            yield (first, *corner), (1, *sizes)
