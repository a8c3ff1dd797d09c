"""Positions and sizes of the tensors of a GGUF file, computed from their descriptions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from netinspect.checkpoints.formats.ggml import TYPES
from netinspect.checkpoints.io.short_text import some
from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import StoredTensor

_LARGEST_SIZE = 2**63


class Description(NamedTuple):
    """Description of one tensor in the header."""

    name: str
    shape: tuple[int, ...]
    """Sizes in torch's order."""

    kind: int
    offset: int
    """Offset from the start of the data."""


def locate_tensors(
    source: ByteSource,
    described: list[Description],
    start: int,
    alignment: int,
    byte_order: Any,
) -> tuple[tuple[StoredTensor, ...], tuple[str, ...]]:
    """Compute the position of each tensor; ranges must be within the file and must not overlap."""
    if len({name for name, *_ in described}) != len(described):
        seen: set[str] = set()
        twice = next(name for name, *_ in described if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise broken(source, f"the tensor {twice!r:.100} occurs twice")
    sizes = [_bytes(source, *each[:3]) for each in described]
    order = sorted(range(len(described)), key=lambda index: (described[index][3], sizes[index] or 0))
    unknown: list[str] = []
    end, before, gap = 0, "", 0
    for rank, index in enumerate(order):
        name, _, kind, offset = described[index]
        if offset % alignment:
            raise broken(
                source, f"{name!r:.100} starts at {offset:,}, which is not a multiple of {alignment:,}"
            )
        if offset < end:
            raise broken(source, f"{name!r:.100} and {before!r:.100} share {end - offset:,} bytes")
        size = sizes[index]
        if size is None:
            unknown.append(f"{name!r:.100} (type {kind})")
            following = described[order[rank + 1]][3] if rank + 1 < len(order) else source.size - start
            size = sizes[index] = max(0, following - offset)
        if start + offset + size > source.size:
            last = start + max(described[each][3] + (sizes[each] or 0) for each in order)
            raise CheckpointError(
                f"{source.name} is not whole",
                cause=f"its header describes {last:,} bytes, and it has {source.size:,}; "
                f"{name!r:.100} is the first tensor that is cut",
                hint="fetch it again",
            )
        gap += offset - (end + -end % alignment)
        end, before = offset + size, name
    warnings = []
    if unknown:
        warnings.append(
            f"unknown types: {some(unknown)}; their sizes are the distances to the next tensor"
        )
    if gap or order != list(range(len(order))):
        warnings.append("the tensors are not packed in order, which ggml's own reader requires")
    tensors = tuple(
        StoredTensor(
            name=name,
            dtype=TYPES[kind][0] if kind in TYPES else f"ggml type {kind}",
            shape=shape,
            bytes=size or 0,
            storage=number,
            position=start + offset,
            byte_order=byte_order,
        )
        for number, ((name, shape, kind, offset), size) in enumerate(zip(described, sizes, strict=True))
    )
    return tensors, tuple(warnings)


def _bytes(source: ByteSource, name: str, shape: tuple[int, ...], kind: int) -> int | None:
    """Return the bytes of one tensor; None if its type is unknown."""
    elements = math.prod(shape)
    if elements >= _LARGEST_SIZE or any(size >= _LARGEST_SIZE for size in shape):
        raise broken(source, f"{name!r:.100} would have the sizes {shape}")
    if kind not in TYPES:
        return None
    dtype, block, size = TYPES[kind]
    row = shape[-1] if shape else 1
    if row % block:
        raise broken(
            source, f"{name!r:.100} has rows of {row:,} elements, but {dtype} has blocks of {block}"
        )
    return elements // block * size


def broken(source: ByteSource, cause: str) -> CheckpointError:
    """Return the error for a file that violates a rule of the format."""
    return CheckpointError(f"{source.name} is not a valid GGUF file", cause=cause)
