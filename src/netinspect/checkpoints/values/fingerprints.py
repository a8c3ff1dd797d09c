"""Detection of tensors with equal content by hashes instead of pairwise comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from netinspect.checkpoints.values.data import CheckpointData, is_contiguous
from netinspect.checkpoints.values.dtypes import KINDS, Array
from netinspect.checkpoints.values.threads import Meter, Progress, Workspace, in_threads
from netinspect.records.checkpoint import StoredTensor

_BYTES = 1 << 18
_GLANCE = 1 << 8

Place = tuple[CheckpointData, StoredTensor]
"""A tensor and the open checkpoint that contains it."""


def same_content(places: Sequence[Place], progress: Progress | None = None) -> list[list[int]]:
    """Group tensors of one dtype and shape that are equal in every bit, in the order of elements.

    Most tensors differ in a few sampled bytes. Only tensors with equal samples are read completely, and
    then compared by a hash of 256 bits.

    Args:
        places: The tensors, of one or several checkpoints.
        progress: Called with the number of bytes read.

    Returns:
        Groups of two or more ascending indices in `places`, ordered by their first index. Empty tensors
            and tensors whose bytes cannot be read are in no group.

    Raises:
        CheckpointError: A file ends too early.
        LoadError: A file cannot be read, or has changed.
    """
    readable = [number for number, place in enumerate(places) if _can_be_hashed(*place)]
    similar = _groups(readable, [_kind(places[number][1]) for number in readable])
    glances = in_threads(similar, lambda number, workspace: _glance(*places[number], workspace))
    similar = _groups(
        similar,
        [(_kind(places[number][1]), glance) for number, glance in zip(similar, glances, strict=True)],
    )
    meter = Meter(progress)
    meter.expect(sum(places[number][1].bytes for number in similar))
    hashes = in_threads(
        similar,
        lambda number, workspace: fingerprint(*places[number], workspace),
        lambda number: meter.add(places[number][1].bytes),
    )
    found: dict[bytes, list[int]] = {}
    for number, each in zip(similar, hashes, strict=True):
        found.setdefault(each, []).append(number)
    for data in {id(data): data for data, _ in places}.values():
        data.check_unchanged()
    return sorted(group for group in found.values() if len(group) > 1)


def fingerprint(data: CheckpointData, tensor: StoredTensor, workspace: Workspace) -> bytes:
    """Return a hash of the dtype, the shape and the bytes of a tensor in the order of its elements."""
    found = hashlib.sha256(repr(_kind(tensor)).encode())
    for piece in _bytes_of(data, tensor, 0, tensor.bytes // _unit(tensor), workspace):
        found.update(piece.view("u1").data)
    return found.digest()


def _kind(tensor: StoredTensor) -> tuple[str, tuple[int, ...], int]:
    return tensor.dtype, tensor.shape, tensor.bytes


def _groups(numbers: list[int], keys: Sequence[object]) -> list[int]:
    """Return the numbers whose key is not unique."""
    uses: dict[object, int] = {}
    for key in keys:
        uses[key] = uses.get(key, 0) + 1
    return [number for number, key in zip(numbers, keys, strict=True) if uses[key] > 1]


def _can_be_hashed(data: CheckpointData, tensor: StoredTensor) -> bool:
    if not tensor.bytes or not tensor.elements or data.reason_without_bytes(tensor):
        return False
    return is_contiguous(tensor) or tensor.dtype in KINDS


def _glance(data: CheckpointData, tensor: StoredTensor, workspace: Workspace) -> bytes:
    """Return a hash of some bytes from the start, the middle and the end."""
    unit = _unit(tensor)
    size = min(_GLANCE, tensor.bytes // unit)
    found = hashlib.sha256()
    for start in (0, (tensor.bytes // unit - size) // 2, tensor.bytes // unit - size):
        for piece in _bytes_of(data, tensor, start, start + size, workspace):
            found.update(piece.view("u1").data)
    return found.digest()


def _unit(tensor: StoredTensor) -> int:
    """Return the number of bytes in the smallest unit that can be read."""
    return KINDS[tensor.dtype].itemsize if tensor.dtype in KINDS else 1


def _bytes_of(
    data: CheckpointData, tensor: StoredTensor, start: int, stop: int, workspace: Workspace
) -> Iterator[Array]:
    """Read a range of elements in order, or of bytes if several elements share one."""
    if tensor.dtype in KINDS:
        yield from data.pieces(tensor, start, stop, workspace)
        return
    for first in range(start, stop, _BYTES):
        room = workspace.take("bytes", "u1", min(_BYTES, stop - first))
        data.read_bytes(tensor, first, room, workspace)
        yield room
