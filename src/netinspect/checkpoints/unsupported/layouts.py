"""Identification of formats by structure where the first bytes are ambiguous."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.unsupported import flatbuffers
from netinspect.checkpoints.unsupported.flatbuffers import LayoutError

_TABLE_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
"""Magic number at the end of a LevelDB table; TensorFlow writes checkpoint indices as such tables."""

_WORD_VECTORS = re.compile(rb"(\d{1,9}) (\d{1,5})\n([^\x00-\x20]{1,200}) ", re.DOTALL)
_BOOSTERS = (b"gbtree", b"gblinear", b"dart")
_XGBOOST_PARAMETERS = 136
_LARGEST_METADATA = 1 << 20
_NAMED = {
    "torch7 table": (".t7", ".th", ".dat"),
    "ncnn weights": (".bin",),
    "darknet": (".weights", ".backup"),
    "matlab 4": (".mat",),
}
"""Formats that start with small numbers, as arrays do; the file name must agree."""

_LARGEST_VALUE = 1e6
"""Larger than any network weight, but soon exceeded by other bytes read as floats."""


def match_layout(source: ByteSource, head: bytes) -> str | None:
    """Return the catalog key of the format whose structure a file has, or None.

    Args:
        source: The file.
        head: Its first bytes.

    Raises:
        LoadError: The source cannot be read.
    """
    for key, matches in _LAYOUTS:
        if not source.name.lower().endswith(_NAMED.get(key, "")):
            continue
        try:
            if matches(source, head):
                return key
        except (LayoutError, struct.error):
            continue
    return None


def is_flatbuffer(source: ByteSource) -> bool:
    """Return whether a file is a FlatBuffer, by the layout of its outermost table.

    Raises:
        LoadError: The source cannot be read.
    """
    try:
        flatbuffers.root(source)
    except LayoutError:
        return False
    return True


def is_engine_with_metadata(source: ByteSource, head: bytes) -> bool:
    """Return whether a file is a TensorRT engine after JSON metadata, as Ultralytics writes it.

    Raises:
        LoadError: The source cannot be read.
    """
    length = int.from_bytes(head[:4], "little")
    if length > _LARGEST_METADATA or length + 8 > source.size:
        return False
    return source.read(4 + length, 4) in (b"ftrt", b"ptrt") and source.read(3 + length, 1) == b"}"


def _is_mnn(source: ByteSource, head: bytes) -> bool:
    """Match table `Net` of MNN's schema: operators in field 3, tensor names in field 7."""
    if not 8 <= int.from_bytes(head[:4], "little") <= 256:
        return False
    net = flatbuffers.root(source)
    net.text(0)
    operator = net.first_table(3)
    names = net.first_text(7)
    return operator is not None and (operator.text(3) is not None or names is not None)


def _is_arrow_stream(source: ByteSource, head: bytes) -> bool:
    """Match an Arrow message with a schema."""
    if head[:4] != b"\xff\xff\xff\xff":
        return False
    length = int.from_bytes(head[4:8], "little")
    if not 8 <= length <= source.size or length % 8:
        return False
    return flatbuffers.root(source, 8).number(1, "B") == 1


def _is_table(source: ByteSource, head: bytes) -> bool:
    return source.size >= 48 and source.read(source.size - 8, 8) == _TABLE_MAGIC


def _is_tf_record(source: ByteSource, head: bytes) -> bool:
    """Match a length and its checksum."""
    if len(head) < 12 or int.from_bytes(head[:8], "little") + 16 > source.size:
        return False
    crc = _crc32c(head[:8])
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return masked == int.from_bytes(head[8:12], "little")


def _crc32c(data: bytes) -> int:
    """Return the CRC-32C checksum."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def _is_paddle_weights(source: ByteSource, head: bytes) -> bool:
    """Match version 0, no levels, version 0, the length of a description, type, sizes and data."""
    version, levels, inner, length = struct.unpack_from("<IQIi", head)
    if (version, levels, inner) != (0, 0, 0) or not 2 <= length <= 200:
        return False
    described = head[20 : 20 + length]
    if len(described) < length or described[0] != 0x08 or described[1] > 40:
        return False
    at, elements = 2, 1
    while at < length:
        if described[at] != 0x10:
            return False
        size = shift = 0
        while True:
            at += 1
            if at >= length or shift > 28:
                return False
            size |= (described[at] & 0x7F) << shift
            shift += 7
            if described[at] < 0x80:
                break
        at += 1
        elements *= size
    return bool(20 + length + elements <= source.size)


def _is_old_xgboost(source: ByteSource, head: bytes) -> bool:
    """Match fixed-size parameters, then the objective and the booster with their lengths."""
    at = _XGBOOST_PARAMETERS + (4 if head[:4] == b"binf" else 0)
    for _ in range(2):
        (length,) = struct.unpack_from("<Q", head, at)
        name = head[at + 8 : at + 8 + length] if length < 64 else b""
        if not name or len(name) < length:
            return False
        at += 8 + length
    return name in _BOOSTERS


def _is_darknet(source: ByteSource, head: bytes) -> bool:
    """Match version 0.1 or 0.2, the number of images seen, and floats to the end."""
    major, minor, revision = struct.unpack_from("<iii", head)
    wide = 20 if minor >= 2 else 16
    if major != 0 or minor not in (1, 2) or not 0 <= revision <= 5:
        return False
    return source.size > wide and (source.size - wide) % 4 == 0 and _are_weights(head[wide : wide + 128])


def _is_word2vec(source: ByteSource, head: bytes) -> bool:
    """Match two counts in text, a word, and binary floats."""
    match = _WORD_VECTORS.match(head)
    if match is None or not 0 < int(match[2]) <= 4096 or not int(match[1]):
        return False
    values = head[match.end() : match.end() + min(4 * int(match[2]), 128)]
    is_text = all(each in b"0123456789.eE+- \n" for each in values[:16])
    return not is_text and _are_weights(values)


def _is_ncnn_weights(source: ByteSource, head: bytes) -> bool:
    """Match the float16 or int8 tag that ncnn's tools write before the first layer's weights."""
    return head[:4] in (b"\x47\x6b\x30\x01", b"\x38\x4b\x0d\x00")


def _is_lua(source: ByteSource, head: bytes) -> bool:
    """Match a table: its number, its number of entries, and a key that is a number or a text."""
    kind, index, count = struct.unpack_from("<iii", head)
    if kind != 3 or index != 1 or not 0 < count < 1 << 20 or len(head) < 24:
        return False
    (key,) = struct.unpack_from("<i", head, 12)
    if key == 1:
        (value,) = struct.unpack_from("<d", head, 16)
        return bool(value == 1)
    length = int.from_bytes(head[16:20], "little")
    name = head[20 : 20 + length]
    return (
        key == 2
        and 0 < length <= 100
        and len(name) == length
        and name.isascii()
        and name.decode().isprintable()
    )


def _is_matlab_4(source: ByteSource, head: bytes) -> bool:
    """Match type, rows, columns, complex flag, and a name with its length."""
    kind, rows, columns, is_complex, length = struct.unpack_from("<iiiii", head)
    if not (0 <= kind < 60 and kind % 10 < 3 and is_complex in (0, 1) and 1 < length < 64):
        return False
    name = head[20 : 20 + length]
    is_name = re.fullmatch(rb"[A-Za-z]\w*\x00", name) is not None
    return is_name and rows >= 0 and columns >= 0 and 20 + length + rows * columns <= source.size


def _are_weights(raw: bytes) -> bool:
    """Return whether bytes are plausible float32 weights, not all zero."""
    values = struct.unpack_from(f"<{len(raw) // 4}f", raw)
    usual = all(
        math.isfinite(each) and (not each or 1e-12 < abs(each) < _LARGEST_VALUE) for each in values
    )
    return usual and any(values)


_LAYOUTS: tuple[tuple[str, Callable[[ByteSource, bytes], bool]], ...] = (
    ("arrow stream", _is_arrow_stream),
    ("tf index", _is_table),
    ("tf record", _is_tf_record),
    ("paddle weights", _is_paddle_weights),
    ("xgboost binary", _is_old_xgboost),
    ("torch7 table", _is_lua),
    ("word2vec", _is_word2vec),
    ("ncnn weights", _is_ncnn_weights),
    ("darknet", _is_darknet),
    ("matlab 4", _is_matlab_4),
    ("mnn", _is_mnn),
)
