"""Compressed files, decompressed into memory as far as there is room for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netinspect.checkpoints.io.source import ByteSource, SkippedError

_CHUNK = 1 << 20
_PIECE = 1 << 20
_LZMA_MEMORY = 128 << 20
"""Bytes of the dictionary that a file may ask for."""
_ZFILE = b"ZF0x"
_ZFILE_HEAD = (22, 23)
"""Bytes before the data in files of joblib before 0.10, which are zlib's with a length in front."""

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
"""How each starts; all of them have a decompressor in the standard library."""


class DamagedError(Exception):
    """It does not decompress to its end."""


class CutError(DamagedError):
    """It ends early."""


class TooMuch(Exception):
    """It comes to more bytes than there is room for."""


def method_of(head: bytes) -> str | None:
    """Return how a file is compressed, by its first bytes; None if it is not, or otherwise."""
    for start, method in METHODS.items():
        if head.startswith(start):
            if method == "zlib" and int.from_bytes(head[:2], "big") % 31:
                continue
            return method
    return None


def peek(source: ByteSource, method: str, most: int = 64 << 10) -> bytes:
    """Return the first bytes of what a file decompresses to; empty where these are damaged.

    Args:
        source: The file.
        method: One of those that `method_of` returns.
        most: Bytes of it.

    Raises:
        LoadError: It cannot be read.
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
    """Decompress a file into memory, with all parts of it that follow each other.

    Args:
        source: The file.
        method: One of those that `method_of` returns.
        most: Bytes that it may come to.

    Returns:
        Its bytes, and the byte of the source after the last part; None if it is damaged.

    Raises:
        TooMuch: It comes to more.
        SkippedError: This Python was built without that method.
        LoadError: It cannot be read.
    """
    parts: list[bytes] = []
    try:
        end = decompress_into(source, method, most, parts.append)
    except DamagedError:
        return None
    return b"".join(parts), end


def decompress_into(source: ByteSource, method: str, most: int, write: Callable[[bytes], object]) -> int:
    """Decompress a file in pieces; return the byte of the source after the last part.

    Args:
        source: The file.
        method: One of those that `method_of` returns.
        most: Bytes that it may come to.
        write: What takes each piece.

    Raises:
        DamagedError: It is damaged, or ends early.
        TooMuch: It comes to more.
        SkippedError: This Python was built without that method.
        LoadError: It cannot be read.
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
    """Return the byte at which the compressed data begin; None if they do not."""
    if method != "zlib of joblib":
        return 0
    head = source.read(0, min(_ZFILE_HEAD[-1] + 1, source.size))
    return next((at for at in _ZFILE_HEAD if head[at : at + 1] == b"x"), None)


def _maker(method: str) -> tuple[Callable[[], Any], type[Exception]]:
    """Return what makes a decompressor, and what that raises for damaged bytes."""
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
