"""Formats that are not read, by their first bytes: what they are called, so that they can be named."""

from __future__ import annotations

import re

_FORMATS: tuple[tuple[bytes, str], ...] = (
    (rb"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes"),
    (rb"\x28\xb5\x2f\xfd", "compressed by Zstandard"),
    (rb"\x04\x22\x4d\x18", "compressed by LZ4"),
    (rb"\x89LZO", "compressed by LZO"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"LZIP", "compressed by lzip"),
    (rb"\x1f\x9d|\x1f\xa0", "compressed by compress"),
    (rb"\xff\x06\x00\x00sNaPpY", "compressed by Snappy"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ", "compressed, and damaged"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"PAR1", "Parquet"),
    (rb"ARROW1|FEA1", "Arrow"),
    (rb"Obj\x01", "Avro"),
    (rb"\x7fELF", "a compiled library or program"),
    (rb"MZ", "a compiled library or program of Windows"),
    (rb"\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe|\xca\xfe\xba\xbe", "a compiled library or program"),
    (rb"\x00asm", "a WebAssembly program"),
    (rb".{2}\r\n.{12}[\xe3\x63]", "compiled Python code"),
    (rb"[\xe3\x63]\x00\x00\x00\x00", "marshalled Python code"),
    (rb".{4}TFL3", "a TensorFlow Lite model"),
    (rb".{4}ET1\d", "an ExecuTorch program"),
    (rb".{4}ORTM", "an ONNX Runtime model"),
    (rb"ftrt", "a TensorRT engine"),
    (rb"CBM1", "a CatBoost model"),
    (rb"\x12\x01\x00\x00\x00\x00\x00\x00", "MXNet parameters"),
    (rb"ggml|lmgg|tjgg|algg", "an old ggml model"),
    (rb"%PDF", "a PDF document"),
    (rb"\x13\x57\x9a\xce|\xce\x9a\x57\x13", "a database of dbm"),
    (rb".{12}(?:\x61\x15\x06\x00|\x62\x31\x05\x00)", "a database of Berkeley DB"),
)
_KNOWN = tuple((re.compile(start, re.DOTALL), what) for start, what in _FORMATS)


def foreign_format(head: bytes) -> str:
    """Return what bytes are, as far as their start says that."""
    for start, what in _KNOWN:
        if start.match(head):
            return what
    return "an unknown format"
