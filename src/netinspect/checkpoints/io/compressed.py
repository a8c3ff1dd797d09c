"""Decompression of gzip, bzip2, xz, lzma and zlib files, up to a given size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netinspect.checkpoints.io.source import ByteSource, SkippedError

_CHUNK = 1 << 20
_PIECE = 1 << 20
_LZMA_MEMORY = 128 << 20
"""Largest LZMA dictionary, in bytes."""
_ZFILE = b"ZF0x"
_ZFILE_HEAD = (22, 23)
"""Possible lengths of the header of joblib files before 0.10, which is followed by zlib data."""

METHODS = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
    b"x\x01": "zlib",
    b"x\x5e": "zlib",
    b"x\x9c": "zlib",
    b"x\xda": "zlib",
    _ZFILE: "zlib of joblib",
}
"""First bytes of each method; the standard library can decompress all of them."""


class DamagedError(Exception):
    """The data does not decompress to its end."""


class CutError(DamagedError):
    """The data ends early."""


class TooMuch(Exception):
    """The decompressed data is larger than allowed."""


def method_of(head: bytes) -> str | None:
    """Return the compression method by the first bytes of a file; None if no known one matches."""
    for start, method in METHODS.items():
        if head.startswith(start):
            if method == "zlib" and int.from_bytes(head[:2], "big") % 31:
                continue
            return method
    return None


def peek(source: ByteSource, method: str, most: int = 64 << 10) -> bytes:
    """Return the first decompressed bytes of a file; empty if they are damaged.

    Args:
        source: The file.
        method: A method that `method_of` returns.
        most: Largest number of bytes to return.

    Raises:
        LoadError: The file cannot be read.
    """
    parts: list[bytes] = []
    try:
        decompress_into(source, method, most, parts.append)
    except (CutError, TooMuch):
        pass
    except (DamagedError, SkippedError):
        return b""
    return b"".join(parts)


def decompress(source: ByteSource, method: str, most: int) -> tuple[bytes, int] | None:
    """Decompress a file into memory, including all concatenated parts.

    Args:
        source: The file.
        method: A method that `method_of` returns.
        most: Largest decompressed size in bytes.

    Returns:
        The bytes, and the offset in the source after the last part; None if the file is damaged.

    Raises:
        TooMuch: The decompressed data is larger than `most`.
        SkippedError: This Python was built without the method.
        LoadError: The file cannot be read.
    """
    parts: list[bytes] = []
    try:
        end = decompress_into(source, method, most, parts.append)
    except DamagedError:
        return None
    return b"".join(parts), end


def decompress_into(source: ByteSource, method: str, most: int, write: Callable[[bytes], object]) -> int:
    """Decompress a file in pieces; return the offset in the source after the last part.

    Args:
        source: The file.
        method: A method that `method_of` returns.
        most: Largest decompressed size in bytes.
        write: Called with each piece.

    Raises:
        DamagedError: The file is damaged, or ends early.
        TooMuch: The decompressed data is larger than `most`.
        SkippedError: This Python was built without the method.
        LoadError: The file cannot be read.
    """
    begin = _start(source, method)
    if begin is None:
        raise DamagedError
    make, broken = _maker(method)
    while True:
        unpacker = make()
        at, waiting = begin, b""
        while not unpacker.eof:
            if not waiting and getattr(unpacker, "needs_input", True):
                waiting = source.read(at, min(_CHUNK, source.size - at))
                at += len(waiting)
                if not waiting:
                    raise CutError
            try:
                part = unpacker.decompress(waiting, min(_PIECE, most + 1))
            except (OSError, ValueError, EOFError, broken):
                raise DamagedError from None
            waiting = getattr(unpacker, "unconsumed_tail", b"")
            if part:
                write(part[: max(0, most)])
            most -= len(part)
            if most < 0:
                raise TooMuch
        begin = at - len(unpacker.unused_data)
        if method.startswith("zlib") or begin >= source.size:
            return begin
        if method_of(source.read(begin, min(6, source.size - begin))) != method:
            return begin


def _start(source: ByteSource, method: str) -> int | None:
    """Return the offset of the compressed data, or None."""
    if method != "zlib of joblib":
        return 0
    head = source.read(0, min(_ZFILE_HEAD[-1] + 1, source.size))
    return next((at for at in _ZFILE_HEAD if head[at : at + 1] == b"x"), None)


def _maker(method: str) -> tuple[Callable[[], Any], type[Exception]]:
    """Return a factory of decompressors, and the exception that they raise for damaged bytes."""
    try:
        if method == "bzip2":
            import bz2

            return bz2.BZ2Decompressor, OSError
        if method in ("xz", "lzma"):
            import lzma

            return lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY), lzma.LZMAError
        import zlib

        return lambda: zlib.decompressobj(31 if method == "gzip" else 15), zlib.error
    except ImportError as error:
        raise SkippedError(
            f"cannot decompress {method}", cause=f"compressed by {method}, which this Python lacks"
        ) from error
