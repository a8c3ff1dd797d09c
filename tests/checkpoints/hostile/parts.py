"""Helpers that build hostile pickles and archives."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.checkpoints.zips import Part, build


@dataclass(frozen=True)
class Case:
    """One file with its expected results."""

    data: Callable[[], bytes]
    error: str | None
    """A part of the message or the cause of reading it as a checkpoint; None if it can be read."""

    names: str | None = None
    """First of the listed names; None if listing them is an error too."""


STORAGE = (
    b"(X\x07\0\0\0storageq\x00ctorch\nFloatStorage\nq\x01X\x01\0\0\x000q\x02"
    b"X\x03\0\0\0cpuq\x03K\x04tq\x04Q"
)
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\0K\x04\x85K\x01\x85\x89N" + b"tR"
SYSTEM = b"cposix\nsystem\n(X\x04\0\0\0trueq\x10tR"


def state(*entries: bytes) -> bytes:
    """Return a pickled dict with one valid tensor, followed by other entries."""
    return b"\x80\x02}(X\x01\0\0\0w" + TENSOR + b"".join(entries) + b"u."


def entry(name: bytes, value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(name)) + name + value


def tensor(
    *,
    offset: bytes = b"K\0",
    sizes: bytes = b"K\x04\x85",
    strides: bytes = b"K\x01\x85",
    storage: bytes = STORAGE,
) -> bytes:
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + sizes + strides + b"\x89NtR"


def torch_zip(pickle: bytes, *more: Part, data: bytes = b"\0" * 16, **changes: object) -> bytes:
    """Return an archive as torch writes it."""
    return build(
        [
            Part("a/data.pkl", pickle, **changes),  # type: ignore[arg-type]
            Part("a/byteorder", b"little"),
            Part("a/data/0", data),
            Part("a/version", b"3\n"),
            *more,
        ]
    )


def legacy(
    pickle: bytes, keys: bytes = b"\x80\x02](X\x01\0\0\x000e.", data: bytes | None = None
) -> bytes:
    """Return a file in torch's legacy format."""
    return (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
        + pickle
        + keys
        + (struct.pack("<q", 4) + b"\0" * 16 if data is None else data)
    )
