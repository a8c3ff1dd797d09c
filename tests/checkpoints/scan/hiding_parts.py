"""Helpers that build files with hidden code."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from tests.checkpoints.hostile.parts import state
from tests.checkpoints.zips import Part, build

MARK = "MARK"
"""File that the hidden call would create in the current folder."""

NAME = "posix.system"
CALL = b"cposix\nsystem\n(X\x0a\0\0\0touch MARKtR"
EVIL = b"\x80\x02" + CALL + b"."
EVIL_0 = b"cposix\nsystem\n(S'touch MARK'\ntR."
PICKLE = pickle.dumps({"a": 1.5}, 2)

Make = Callable[[], bytes]
PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


def tarred(*members: tuple[str, bytes], mode: Any = "w", form: int = tarfile.GNU_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def symlink_tar(kind: bytes, target: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        info = tarfile.TarInfo("model.pt")
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return made.getvalue()


def tar_with_comment(text: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"comment": text}
        archive.addfile(info)
    return made.getvalue()


def v7_tar(name: bytes, data: bytes) -> bytes:
    """Return a tar archive in the v7 format, which has no magic number."""
    head = bytearray(512)
    head[: len(name)] = name
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136], head[136:148] = b"%011o\0" % len(data), b"%011o\0" % 0
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + b"\0" * (-len(data) % 512 + 1024)


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def gguf(offset: int, kind: int = 0) -> bytes:
    """Return a GGUF file with one tensor of eight numbers at an offset."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + struct.pack("<Q1sIQIQ", 1, b"w", 1, 8, kind, offset)
    return head + bytes(-len(head) % 32 + offset + 32)


def npy(descr: str, data: bytes, shape: str = "(1,)") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def torch_file(*more: Part, data: bytes = b"\0" * 16) -> bytes:
    parts = [Part("a/data.pkl", state()), Part("a/data/0", data), Part("a/version", b"3\n")]
    return build([*parts, *more])


def joblib_array(dtype: bytes, data: bytes, *, padded: bool = False) -> bytes:
    """Return an array as joblib writes it into a pickle of protocol 2."""
    made = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    made += b"X\x08\0\0\0subclasscnumpy\nndarray\nX\x05\0\0\0shapeK\x02\x85X\x05\0\0\0orderX\x01\0\0\0C"
    made += b"X\x05\0\0\0dtypecnumpy\ndtype\n(X\x02\0\0\0" + dtype + b"K\0K\x01tR"
    if padded:
        made += b"X\x1b\0\0\0numpy_array_alignment_bytesK\x10"
    return made + b"ub" + (b"\x03\xff\xff\xff" if padded else b"") + data


def v_line_safetensors() -> bytes:
    """Return safetensors whose header length of 86 is the opcode V, and whose data is a pickle."""
    data = b"0" + CALL + b"."
    entry = b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}' % (len(data), len(data))
    return safetensors(entry + b" " * (84 - len(entry)) + b"\n}", data)


def unlisted_member() -> bytes:
    """Return a zip archive with a member between two others that its directory does not list."""
    first = zipped(("a.txt", b"text"))
    body = first[: first.index(b"PK\x01\x02")]
    hidden = zipped(("evil.pkl", EVIL))
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    entry = first[first.index(b"PK\x01\x02") : first.index(b"PK\x05\x06")]
    start = len(body) + len(hidden)
    return body + hidden + entry + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)


def nested(levels: int) -> bytes:
    data = EVIL
    for level in range(levels):
        data = (zipped, tarred)[level % 2]((f"m{level}", data))
    return data
