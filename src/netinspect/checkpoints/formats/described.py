"""Values of small tensors that describe packed weights, read together with the header."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netinspect.checkpoints.io.short_text import decode_start
from netinspect.checkpoints.io.source import ByteSource
from netinspect.records.checkpoint import Entry, StoredTensor

_TEXT = re.compile(r".+\.quant_state\.bitsandbytes__\w+", re.DOTALL)
"""bitsandbytes stores JSON in a tensor of bytes."""

_NUMBERS = re.compile(r"(?P<stem>.+)\.(?P<which>weight_shape|shape|nbits)", re.DOTALL)
"""Tensors of compressed-tensors and HQQ."""

_PACKED = {"weight_shape": ("weight_packed",), "shape": ("W_q",), "nbits": ("W_q",)}
_BYTES = {"int64": 8, "int32": 4, "uint8": 1}
_LARGEST = 4 << 10
_MOST = 10_000


def describe_packed(source: ByteSource, tensors: Sequence[StoredTensor]) -> tuple[Entry, ...]:
    """Read the values of tensors that describe packed ones; none if the file is remote.

    Raises:
        LoadError: The file cannot be read.
    """
    if source.remote:
        return ()
    names: set[str] | None = None
    found: list[Entry] = []
    for tensor in tensors:
        if tensor.bytes > _LARGEST or tensor.position is None or len(found) == _MOST:
            continue
        if tensor.dtype == "uint8" and _TEXT.fullmatch(tensor.name):
            raw = source.read(tensor.position, tensor.bytes)
            found.append(Entry(name=tensor.name, type="json", text=decode_start(raw, len(raw))))
            continue
        match = _NUMBERS.fullmatch(tensor.name)
        if match is None or tensor.dtype not in _BYTES or tensor.elements > 8:
            continue
        names = names or {each.name for each in tensors}
        if any(f"{match['stem']}.{each}" in names for each in _PACKED[match["which"]]):
            raw, size = source.read(tensor.position, tensor.bytes), _BYTES[tensor.dtype]
            numbers = [
                int.from_bytes(raw[at : at + size], "little", signed=tensor.dtype != "uint8")
                for at in range(0, len(raw), size)
            ]
            found.append(Entry(name=tensor.name, type="numbers", text=str(numbers)))
    return tuple(found)
