"""Builders of GGUF files in which each length, count and type can be wrong."""

from __future__ import annotations

import struct

STRING, ARRAY = 8, 9


def string(text: str | bytes, length: int | None = None) -> bytes:
    """Encode a string, optionally with a wrong length."""
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def entry(name: str | bytes, kind: int, value: bytes) -> bytes:
    return string(name) + struct.pack("<I", kind) + value


def array(kind: int, count: int, items: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + items


def tensor(
    name: str | bytes,
    sizes: tuple[int, ...] = (32,),
    kind: int = 0,
    offset: int = 0,
    dimensions: int | None = None,
) -> bytes:
    """Encode the description of a tensor; sizes are in the order of GGUF, the fastest first."""
    count = len(sizes) if dimensions is None else dimensions
    return (
        string(name) + struct.pack(f"<I{len(sizes)}Q", count, *sizes) + struct.pack("<IQ", kind, offset)
    )


def file(
    entries: tuple[bytes, ...] = (),
    tensors: tuple[bytes, ...] = (),
    data: int = 0,
    *,
    version: int = 3,
    entry_count: int | None = None,
    tensor_count: int | None = None,
    alignment: int = 32,
) -> bytes:
    """Return a file with a number of bytes of data after its header."""
    head = b"GGUF" + struct.pack(
        "<IQQ",
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(entries) if entry_count is None else entry_count,
    )
    head += b"".join(entries) + b"".join(tensors)
    return head + b"\0" * (-len(head) % alignment) + b"\0" * data
