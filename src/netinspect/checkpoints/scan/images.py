"""Validation of images and sounds by their complete structure."""

from __future__ import annotations

import struct

from netinspect.checkpoints.io.source import ByteSource

_PIECE = 1 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_PARTS = 1_000_000


def image_end(source: ByteSource) -> tuple[str, int] | None:
    """Return the kind of an image and where it ends, or None if it is damaged or another format.

    Raises:
        LoadError: The source cannot be read.
    """
    head = source.read(0, min(16, source.size))
    found: tuple[str, int | None]
    if head[:8] == _PNG:
        found = "PNG image", _png(source)
    elif head[:3] == b"\xff\xd8\xff":
        found = "JPEG image", _jpeg(source)
    elif head[:6] in (b"GIF87a", b"GIF89a"):
        found = "GIF image", _gif(source)
    elif head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        size = int.from_bytes(head[4:8], "little")
        kind = {b"WEBP": "WebP image", b"WAVE": "WAV sound", b"AVI ": "AVI film"}[head[8:12]]
        found = kind, 8 + size + size % 2
    elif head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and source.size > 26:
        found = "BMP image", int.from_bytes(head[2:6], "little")
    else:
        return None
    kind, end = found
    return (kind, end) if end is not None and 12 <= end <= source.size else None


def _png(source: ByteSource) -> int | None:
    at = len(_PNG)
    for _ in range(_MOST_PARTS):
        if at + 12 > source.size:
            return None
        raw = source.read(at, 8)
        length, kind = int.from_bytes(raw[:4], "big"), raw[4:]
        if not kind.isalpha():
            return None
        at += 12 + length
        if kind == b"IEND":
            return at
    return None


def _jpeg(source: ByteSource) -> int | None:
    at = 2
    for _ in range(_MOST_PARTS):
        if at + 4 > source.size:
            return None
        marker, code, length = struct.unpack(">BBH", source.read(at, 4))
        if marker != 0xFF or length < 2:
            return None
        at += 2 + length
        if code == 0xDA:
            return _end_of_scan(source, at)
    return None


def _end_of_scan(source: ByteSource, at: int) -> int | None:
    """Return the end of the image, whose marker does not occur within compressed data."""
    while at < source.size:
        piece = source.read(at, min(_PIECE, source.size - at))
        found = piece.find(b"\xff\xd9")
        if found >= 0:
            return at + found + 2
        at += max(1, len(piece) - 1)
    return None


def _gif(source: ByteSource) -> int | None:
    if source.size < 14:
        return None
    flags = source.read(10, 1)[0]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(_MOST_PARTS):
        if at >= source.size:
            return None
        kind = source.read(at, 1)[0]
        if kind == 0x3B:
            return at + 1
        if kind == 0x21:
            at += 2
        elif kind == 0x2C and at + 11 <= source.size:
            flags = source.read(at + 9, 1)[0]
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            return None
        while at < source.size and (length := source.read(at, 1)[0]):
            at += 1 + length
        at += 1
    return None
