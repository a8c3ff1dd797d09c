"""Hostile files of GGUF, ONNX, npy and npz, each with a part of the expected message."""

from __future__ import annotations

import io
import struct
import zipfile

from tests.checkpoints import gguf_files as gguf

HUGE = 2**62


def varint(number: int) -> bytes:
    """Encode a number for protobuf."""
    raw = bytearray()
    while number > 0x7F:
        raw.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*raw, number])


def field(number: int, content: bytes | int, length: int | None = None) -> bytes:
    """Encode a field for protobuf, with a length that may differ from that of the bytes."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content) if length is None else length) + content


def onnx(graph: bytes, length: int | None = None) -> bytes:
    return field(1, 8) + field(2, b"hostile") + field(7, graph, length)


def nested(levels: int) -> bytes:
    """Return graphs nested within nodes of graphs."""
    graph = b""
    for _ in range(levels):
        graph = field(1, field(4, b"If") + field(5, field(1, b"b") + field(6, graph)))
    return graph


def nested_types(levels: int) -> bytes:
    kind = b""
    for _ in range(levels):
        kind = field(4, field(1, kind))
    return field(11, field(1, b"x") + field(2, kind))


def npy(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    size = struct.pack("<H", len(header) if length is None else length)
    return b"\x93NUMPY\x01\x00" + size + header + data


def array_header(shape: str, descr: str = "'<f4'") -> bytes:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()


def npz(*members: tuple[str, bytes], compress: bool = False) -> bytes:
    made = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return made.getvalue()


def bomb() -> bytes:
    """Return an archive of 64 kB with a member of 64 MiB that starts like an array of this size."""
    return npz(("a.npy", npy(array_header(f"({64 << 20},)", "'|q1'"), bytes(64 << 20))), compress=True)


ONE = gguf.tensor("w")
DEEP = gguf.array(9, 1, gguf.array(9, 1, gguf.array(9, 1, gguf.array(9, 1, gguf.array(0, 0)))))
MANY_EMPTY = gguf.array(8, 6_000_000, bytes(48_000_000))

GGUF = {
    "only magic": (b"GGUF", "its header is truncated"),
    "cut in the head": (b"GGUF" + struct.pack("<IQ", 3, 0), "its header is truncated"),
    "version 0": (gguf.file(version=0), "version 0"),
    "version 1": (gguf.file(version=1), "version 1, which is not read"),
    "version 4": (gguf.file(version=4), "version 4"),
    "version 2 in a strange order": (gguf.file(version=0x00020000), "version 512"),
    "tensors beyond counting": (gguf.file(tensor_count=HUGE), "tensors, and has 8 more bytes"),
    "values beyond counting": (gguf.file(entry_count=HUGE), "values, and has 8 more bytes"),
    "more tensors than are read": (gguf.file(tensor_count=300_000, data=8_000_000), "is the most"),
    "a long key": (
        gguf.file((gguf.string("k", HUGE),), entry_count=1, data=64),
        "a key at byte 32 would have 4,611,686,018,427,387,904 bytes",
    ),
    "a key that is not text": (gguf.file((gguf.entry(b"\xff", 0, b"\0"),)), "is not UTF-8"),
    "a key twice": (gguf.file((gguf.entry("k", 0, b"\0"),) * 2), "'k' occurs twice"),
    "a long string": (
        gguf.file((gguf.entry("k", 8, gguf.string("", HUGE)),)), "its header is truncated"
    ),
    "a type that is none": (gguf.file((gguf.entry("k", 13, b"\0"),)), "a type of number 13"),
    "a truth that is none": (gguf.file((gguf.entry("k", 7, b"\2"),)), "neither true nor false"),
    "an array beyond counting": (
        gguf.file((gguf.entry("k", 9, gguf.array(0, HUGE)),)), "items of 'k', and has"
    ),
    "an array of strings beyond counting": (
        gguf.file((gguf.entry("k", 9, gguf.array(8, HUGE)),)), "items of 'k', and has"
    ),
    "an array of arrays beyond counting": (
        gguf.file((gguf.entry("k", 9, gguf.array(9, HUGE)),)), "items of 'k', and has"
    ),
    "an array of a type that is none": (
        gguf.file((gguf.entry("k", 9, gguf.array(99, 0)),)), "a type of number 99"
    ),
    "arrays too deep": (gguf.file((gguf.entry("k", 9, DEEP),)), "nested deeper than 4"),
    "too many strings": (gguf.file((gguf.entry("k", 9, MANY_EMPTY),)), "5,000,000 strings"),
    "too many arrays": (
        gguf.file((gguf.entry("k", 9, gguf.array(9, 5_000_001, gguf.array(0, 0) * 5_000_001)),)),
        "more than 200,000 arrays",
    ),
    "an alignment of 0": (
        gguf.file((gguf.entry("general.alignment", 4, struct.pack("<I", 0)),)), "alignment 0 is not"
    ),
    "an alignment of 24": (
        gguf.file((gguf.entry("general.alignment", 4, struct.pack("<I", 24)),)), "alignment 24 is not"
    ),
    "a huge alignment": (
        gguf.file((gguf.entry("general.alignment", 4, struct.pack("<I", 1 << 31)),)),
        "not a power of two",
    ),
    "an alignment of text": (
        gguf.file((gguf.entry("general.alignment", 8, gguf.string("32")),)), "not a power of two"
    ),
    "an alignment of an array": (
        gguf.file((gguf.entry("general.alignment", 9, gguf.array(4, 0)),)), "not a power of two"
    ),
    "dimensions beyond counting": (
        gguf.file((), (gguf.tensor("w", (), dimensions=2**32 - 1),)), "4,294,967,295 dimensions"
    ),
    "sizes beyond counting": (gguf.file((), (gguf.tensor("w", (HUGE, 4)),)), "would have the sizes"),
    "a size that wraps": (gguf.file((), (gguf.tensor("w", (2**33, 2**33)),)), "would have the sizes"),
    "a negative size": (gguf.file((), (gguf.tensor("w", (2**64 - 1, 0)),)), "would have the sizes"),
    "part of a block": (gguf.file((), (gguf.tensor("w", (33,), 2),), 64), "rows of 33"),
    "the name twice": (gguf.file((), (ONE, ONE), 256), "'w' occurs twice"),
    "an odd offset": (gguf.file((), (gguf.tensor("w", offset=4),), 256), "not a multiple of 32"),
    "shared bytes": (
        gguf.file((), (ONE, gguf.tensor("v", offset=32)), 512), "share 96 bytes"
    ),
    "an offset beyond the end": (
        gguf.file((), (gguf.tensor("w", offset=2**63),), 256), "'w' is the first tensor that is cut"
    ),
    "cut data": (gguf.file((), (ONE,), 127), "'w' is the first tensor that is cut"),
    "an unknown type beyond the end": (
        gguf.file((), (gguf.tensor("w", kind=77, offset=4096),), 64), "is the first tensor that is cut"
    ),
}  # fmt: skip
"""Files and a part of the message or cause of their errors, by description."""

MANY_FIELDS = field(1, b"") * 5_000_001
TENSOR = field(5, field(1, 4) + field(2, 1) + field(8, b"w") + field(9, bytes(16)))

ONNX = {
    "a graph that is cut": (onnx(TENSOR, 1000), "is not whole"),
    "a graph of 2^62 bytes": (onnx(TENSOR, HUGE), "is not whole"),
    "a tensor that is cut": (onnx(field(5, field(9, b"", 100))), "is not whole"),
    "a tag without end": (onnx(field(5, b"\xff" * 20)), "more than ten bytes"),
    "a length without end": (onnx(field(5, b"\x4a" + b"\xff" * 20)), "more than ten bytes"),
    "a group": (onnx(field(1, b"\x0b\x0c")), "starts no field"),
    "a field without a number": (onnx(field(5, b"\x02\x00")), "without a number"),
    "too many fields": (onnx(MANY_FIELDS), "too many fields and messages"),
    "too many tensors": (onnx(field(5, b"") * 200_001), "more than 120,000 tensors"),
    "too many dimensions": (onnx(field(5, field(1, 1) * 65)), "more than 64 sizes"),
    "too many packed dimensions": (onnx(field(5, field(1, b"\1" * 100_000))), "more than 64 numbers"),
    "a negative size": (onnx(field(5, field(1, 2**64 - 1))), "would have the sizes (-1,)"),
    "sizes beyond counting": (onnx(field(5, field(1, HUGE) * 4)), "would have the sizes"),
    "too many graphs": (
        onnx(field(1, field(4, b"If") + field(5, field(11, b"") * 50_001))),
        "too many nested graphs",
    ),
    "graphs too deep": (onnx(nested(100)), "too many nested graphs"),
    "types too deep": (onnx(nested_types(1000)), "nested deeper than 8"),
    "too many operators": (
        onnx(b"".join(field(1, field(4, b"op%d" % number)) for number in range(10_001))),
        "more than 10,000 different operators",
    ),
    "too many inputs": (onnx(field(11, b"") * 100_001), "more than 100,000 inputs or outputs"),
    "too much metadata": (onnx(b"") + field(14, b"") * 10_001, "more than 10,000 values"),
    "long names in deep graphs": (
        onnx(field(5, field(8, b"n" * 65_000)) * 1100), "more than 67,108,864 letters"
    ),
    "too many files": (
        onnx(b"".join(
            field(5, field(14, 1) + field(13, field(1, b"location") + field(2, b"%d" % number)))
            for number in range(10_001)
        )),
        "more than 10,000 other files",
    ),
    "a sparse tensor of no shape": (onnx(field(15, field(3, 2**63))), "has an impossible shape"),
}  # fmt: skip

TWICE = npz(("a.npy", npy(b"")), ("b.npy", npy(b""))).replace(b"b.npy", b"a.npy")

NUMPY = {
    "only magic": (b"\x93NUMPY", "too few for a header"),
    "cut in the head": (b"\x93NUMPY\x01\x00\x10", "too few for a header"),
    "a version that is none": (b"\x93NUMPY\x04\x00" + bytes(10), "its version is 4.0"),
    "a header beyond the end": (npy(b"{", length=60), "expected a header of 60 bytes"),
    "a long header": (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + bytes(100), "is the most"),
    "a header of nothing": (npy(b""), "is not a literal"),
    "a header of brackets": (npy(b"[" * 9999), "nested deeper than 16"),
    "a header of minuses": (npy(b"-" * 9999 + b"1"), "is not a literal"),
    "a header that calls": (npy(b"__import__('os').abort()"), "is not a literal"),
    "a header with a long number": (npy(array_header(f"({'9' * 9000},)")), "is not a literal"),
    "a shape beyond counting": (npy(array_header(f"({HUGE}, {HUGE})")), "is not possible"),
    "a shape of many ones": (npy(array_header(f"({'1,' * 3000})")), "is not possible"),
    "more than is there": (npy(array_header("(1000000000000,)")), "is not whole"),
    "objects": (npy(array_header("(1,)", "'|O'"), b"cos\nabort\n(tR."), "nothing was executed"),
    "objects in a field": (npy(array_header("(1,)", "[('a', [('b', 'O')])]")), "nothing was executed"),
    "objects in a member": (npz(("a.npy", npy(array_header("()", "'O'")))), "nothing was executed"),
    "a member with a wrong size": (
        npz(("a.npy", npy(array_header("(9,)"), bytes(4)))),
        "expected 36 bytes, but it has only 4",
    ),
    "a bomb": (bomb(), "is not a type"),
    "a member twice": (
        npz(("a.npy", npy(b"")), ("b.npy", npy(b""))).replace(b"b.npy", b"a.npy"),
        "two members",
    ),
    "a member that climbs": (npz(("../../a.npy", b"no array")), "../../a.npy: it does not start"),
}
