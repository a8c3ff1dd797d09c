"""Values of a checkpoint's tensors, read from its files in pieces of bounded size.

Files are not memory-mapped: if a mapped file is truncated while it is read, the process is killed,
whereas a read raises an error.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from netinspect.checkpoints.io.decompressed import UnpackedSource
from netinspect.checkpoints.io.source import Closing, LocalSource
from netinspect.checkpoints.values.dtypes import KINDS, Array
from netinspect.checkpoints.values.pieces import boxes, read_pieces
from netinspect.checkpoints.values.threads import Workspace
from netinspect.errors import LoadError
from netinspect.records.checkpoint import Checkpoint, StoredTensor

if TYPE_CHECKING:
    from netinspect.checkpoints.io.inflated_arrays import InflatedArray
    from netinspect.checkpoints.io.zip_archive import Archive

PIECE = 1 << 15
"""Maximum number of elements of a piece, which with temporaries fits into a processor's cache."""

_GATHERED_BYTES = 8 << 20
_SPAN_BYTES = 1 << 18
_SEEK_BYTES = 8 << 10
"""Number of bytes that take about as long to read as the overhead of one more read."""


class CheckpointData(Closing):
    """Checkpoint with its files open."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Open the files that contain tensors.

        Raises:
            LoadError: A file cannot be read, or has changed since the checkpoint was read.
        """
        self.checkpoint = checkpoint
        self._sources: dict[int, LocalSource] = {}
        self._archives: dict[int, Archive] = {}
        self._lock = threading.Lock()
        held = {
            tensor.file
            for tensor in checkpoint.tensors
            if tensor.position is not None or self._is_inflatable(tensor)
        }
        held.update(piece.file for tensor in checkpoint.tensors for piece in tensor.pieces)
        try:
            for number in sorted(each for each in held if each is not None):
                self._open(number)
        except BaseException:  # close all files on an interrupt too
            self.close()
            raise

    def _open(self, number: int) -> None:
        file = self.checkpoint.files[number]
        if file.modified is None and not os.path.exists(file.path):
            return  # not a local file; see `reason_without_bytes`
        source = self._sources[number] = LocalSource(file.path, file.name)
        now = source.stored_file()
        if now.bytes != file.bytes or file.modified not in (None, now.modified):
            raise LoadError(
                f"{file.name} changed since it was read", hint="try again when it is completely written"
            )
        if file.compressed:
            with source:
                self._sources[number] = UnpackedSource(source, file.compressed)
                source.check_unchanged()

    def close(self) -> None:
        """Close the files."""
        for source in self._sources.values():
            source.close()

    def check_unchanged(self) -> None:
        """Check that the files have not changed since they were opened.

        Raises:
            LoadError: A file was written to.
        """
        for source in self._sources.values():
            source.check_unchanged()

    def reason_without_bytes(self, tensor: StoredTensor) -> str:
        """Return the reason why the bytes of a tensor cannot be read, or an empty string if they can."""
        if tensor.file is None:
            return "its values are not in any file"
        if tensor.pieces:
            return self._reason_without_pieces(tensor)
        if tensor.layout not in ("strided", "quantized"):
            return f"its layout is {tensor.layout}"
        if tensor.position is None and not self._is_inflatable(tensor):
            if self.checkpoint.format == "ONNX":
                return "its elements are not stored as raw bytes in one piece"
            return "it is compressed, or not stored as one piece"
        if tensor.file not in self._sources:
            return "its file is not local"
        if tensor.elements and span_of(tensor) < tensor.elements:
            return "several of its elements share memory"
        return ""

    def _reason_without_pieces(self, tensor: StoredTensor) -> str:
        """Return the reason why a tensor cannot be assembled from pieces, or an empty string."""
        files = [piece.file for piece in tensor.pieces]
        if any(file is not None and file not in self._sources for file in files):
            return "a file of its pieces is not local"
        if tensor.dtype not in KINDS:
            return f"the elements of {tensor.dtype} cannot be read as numbers"
        if any(piece.position is None for piece in tensor.pieces):
            return "a piece of it is missing, or not stored as torch.save stores it"
        if sum(math.prod(piece.sizes) for piece in tensor.pieces) < tensor.elements:
            return "some of its elements are in no piece"
        return ""

    def _is_inflatable(self, tensor: StoredTensor) -> bool:
        """Return whether a tensor is a contiguous array that is compressed as a whole."""
        return self.checkpoint.format == "npz" and bool(tensor.member) and is_contiguous(tensor)

    def reason_without_values(self, tensor: StoredTensor) -> str:
        """Return the reason why the values of a tensor cannot be read, or an empty string."""
        if tensor.dtype not in KINDS or tensor.layout == "quantized":
            return f"the elements of {tensor.dtype} cannot be read as numbers"
        return self.reason_without_bytes(tensor)

    def read_bytes(
        self, tensor: StoredTensor, start: int, room: Array, workspace: Workspace, use: str = ""
    ) -> None:
        """Read bytes of a contiguous tensor into an array.

        Args:
            tensor: The tensor.
            start: Index of the first byte.
            room: The array to fill.
            workspace: The workspace of the thread.
            use: Distinguishes buffers of tensors that are read at the same time.

        Raises:
            CheckpointError: The file ends too early.
            LoadError: The file cannot be read, or has changed.
        """
        assert tensor.file is not None
        if tensor.pieces:
            read_pieces(tensor, start, room.view("u1"), self._sources)
            return
        buffer = room.view("u1").data
        if tensor.position is not None:
            self._sources[tensor.file].read_into(tensor.position + start, buffer)
            return
        key = id(self), tensor.file, tensor.member, use
        inflated = workspace.cached(key, lambda: self._inflated(tensor))
        inflated.read_into(start, buffer)

    def _inflated(self, tensor: StoredTensor) -> InflatedArray:
        from netinspect.checkpoints.io.inflated_arrays import InflatedArray
        from netinspect.checkpoints.io.zip_archive import Archive

        assert tensor.file is not None
        with self._lock:
            if tensor.file not in self._archives:
                self._archives[tensor.file] = Archive(self._sources[tensor.file])
        return InflatedArray(self._archives[tensor.file], tensor.member)

    def pieces(
        self,
        tensor: StoredTensor,
        start: int,
        stop: int,
        workspace: Workspace,
        *,
        use: str = "",
        in_order: bool = True,
        size: int = PIECE,
    ) -> Iterator[Array]:
        """Read elements of a tensor whose values can be read.

        Args:
            tensor: The tensor.
            start: Index of the first element.
            stop: Index after the last element.
            workspace: Provides the buffers; each piece is overwritten by the next one.
            use: Distinguishes buffers of tensors that are read at the same time.
            in_order: True to read elements in the order of the tensor, the last dimension fastest.
                Otherwise they are read in memory order, which is faster for transposed tensors.
            size: Elements of a piece; the last piece may have fewer.

        Yields: The stored elements, each with as many array items as the dtype has components.

        Raises:
            CheckpointError: The file ends too early.
            LoadError: The file cannot be read, or has changed.
        """
        kind = KINDS[tensor.dtype]
        swapped = tensor.byte_order != sys.byteorder
        if is_contiguous(tensor) or (not in_order and is_dense(tensor)):
            for first in range(start, stop, size):
                count = min(size, stop - first)
                piece = workspace.take(f"raw {use}", kind.raw, count * kind.components)
                self.read_bytes(tensor, first * kind.itemsize, piece, workspace, use)
                yield piece.byteswap(inplace=True) if swapped else piece
            return
        most = max(size, _GATHERED_BYTES // kind.itemsize // size * size)
        for first in range(start, stop, most):
            count = min(most, stop - first)
            block = workspace.take(f"block {use}", kind.raw, count * kind.components)
            self._gather(tensor, first, block.reshape(count, kind.components), workspace)
            if swapped:
                block.byteswap(inplace=True)
            for at in range(0, len(block), size * kind.components):
                yield block[at : at + size * kind.components]

    def _gather(self, tensor: StoredTensor, start: int, room: Array, workspace: Workspace) -> None:
        """Read elements of a view in order into `room`, an array of elements and components."""
        stride = tensor.stride
        assert stride is not None
        filled = 0
        for corner, sizes in boxes(tensor.shape, start, start + len(room)):
            count = math.prod(sizes)
            offset = sum(at * step for at, step in zip(corner, stride, strict=True))
            target = room[filled : filled + count].reshape(*sizes, room.shape[1])
            self._gather_box(tensor, offset, stride, target, workspace)
            filled += count

    def _gather_box(
        self,
        tensor: StoredTensor,
        offset: int,
        stride: tuple[int, ...],
        target: Array,
        workspace: Workspace,
    ) -> None:
        """Read a box whose first element is `offset` elements after that of the tensor."""
        *sizes, components = target.shape
        itemsize = target.itemsize * components
        span = 1 + sum((size - 1) * step for size, step in zip(sizes, stride, strict=True))
        needed = target.size * target.itemsize
        if span * itemsize <= _SPAN_BYTES and span * itemsize <= 16 * needed + _SEEK_BYTES:
            read = workspace.take("span", target.dtype.str, span * components)
            self.read_bytes(tensor, offset * itemsize, read, workspace)
            steps = (*(step * itemsize for step in stride), target.itemsize)
            target[...] = np.lib.stride_tricks.as_strided(read, target.shape, steps)
            return
        # Split along the dimension with the largest extent until a part is small.
        far = max(range(len(sizes)), key=lambda each: (sizes[each] - 1) * stride[each])
        half = sizes[far] // 2
        before = (slice(None),) * far
        self._gather_box(tensor, offset, stride, target[(*before, slice(half))], workspace)
        self._gather_box(
            tensor, offset + half * stride[far], stride, target[(*before, slice(half, None))], workspace
        )


def memory_of(tensor: StoredTensor) -> object:
    """Return a key that is equal for tensors with the same elements in memory."""
    place = tensor.file, tensor.member, tensor.position, tensor.pieces
    return *place, tensor.dtype, tensor.shape, tensor.stride, tensor.byte_order


def is_contiguous(tensor: StoredTensor) -> bool:
    """Return whether the elements are in order without gaps."""
    return tensor.stride is None or _has_no_gaps(tensor.shape, tensor.stride)


def is_dense(tensor: StoredTensor) -> bool:
    """Return whether the elements have no gaps, in any order of the dimensions."""
    if tensor.stride is None:
        return True
    dimensions = sorted(zip(tensor.stride, tensor.shape, strict=True), reverse=True)
    return _has_no_gaps([size for _, size in dimensions], [step for step, _ in dimensions])


def _has_no_gaps(shape: Sequence[int], stride: Sequence[int]) -> bool:
    expected = 1
    for size, step in zip(reversed(shape), reversed(stride), strict=True):
        if size != 1 and step != expected:
            return not math.prod(shape)
        expected *= size
    return True


def span_of(tensor: StoredTensor) -> int:
    """Return the number of elements from the first to the last in memory."""
    if tensor.stride is None or not tensor.elements:
        return tensor.elements
    return 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride, strict=True))
