"""What a file is, by its first bytes; its name is not looked at."""

from __future__ import annotations

from typing import Literal

from netinspect.checkpoints.source import Source

Container = Literal["safetensors", "zip", "torch legacy", "tar", "pickle", "GGUF", "ONNX", "npy"]

_HEAD = 512
_LEGACY_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The pickled number that torch's format before zip starts with, behind the protocol."""

_TAR_MAGIC = slice(257, 262)
_LARGEST_HEADER = 1 << 48


def recognize(source: Source) -> Container | None:
    """Tell what a file is by its content; None where it is none of the formats that are read.

    What it takes for a format may turn out to be damaged.

    Raises:
        LoadError: It cannot be read.
    """
    head = source.read(0, min(_HEAD, source.size))
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if head[:4] == b"GGUF":
        return "GGUF"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    if head[_TAR_MAGIC] == b"ustar":
        return "tar"
    if _is_safetensors(head):
        return "safetensors"
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return "torch legacy" if head[2 : 2 + len(_LEGACY_MAGIC)] == _LEGACY_MAGIC else "pickle"
    from netinspect.checkpoints.onnx import is_onnx

    if is_onnx(source):
        return "ONNX"
    return None


def _is_safetensors(head: bytes) -> bool:
    """A length of eight bytes, and a JSON object behind it."""
    if len(head) < 9:
        return False
    # A length that leads beyond the file is a damaged one, and no other format.
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LARGEST_HEADER
