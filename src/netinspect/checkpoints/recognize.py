"""What a file is, by its first bytes; its name is not looked at."""

from __future__ import annotations

import re
from typing import Literal

from netinspect.checkpoints.access.source import Source

Container = Literal["safetensors", "zip", "torch legacy", "tar", "pickle", "GGUF", "ONNX", "npy"]

_HEAD = 512
_LEGACY_MAGIC = re.compile(
    rb"(\x80[\x02-\x05](\x95.{8})?\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19|L119547037146038801333356L\n)\.",
    re.DOTALL,
)
"""The pickled number that torch's format before zip starts with."""

_OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|[\]}]q|\(?[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
"""How pickles of protocols 0 and 1, which say nothing of themselves, start: a container or a name."""

_MOST_PROTOCOL = 0x0F

KNOWN = "safetensors, torch's own files, GGUF, ONNX, npy and npz"
_OTHERS: tuple[tuple[bytes, str, str | None], ...] = (
    (
        rb"version https://git-lfs",
        "a pointer of Git LFS, and the file itself was not fetched",
        "git lfs pull",
    ),
    (
        rb"(?i)\s*<(!doctype|html|\?xml)",
        "a page of HTML or XML, as a failed download leaves it",
        "fetch it again",
    ),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf", "compressed", "unpack it first"),
    (rb"\x89HDF\r\n", "an HDF5 file, such as Keras writes, which is not read", None),
)
"""What people take for a checkpoint: how it starts, what it is, what to do."""

_MISTAKEN = 2
"""How many of them, the first ones, nobody means: the file that was meant is not there."""

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
    if _LEGACY_MAGIC.match(head):
        return "torch legacy"
    if (head[:1] == b"\x80" and head[1:2] <= bytes([_MOST_PROTOCOL])) or _OLD_PICKLE.match(head):
        return "pickle"
    from netinspect.checkpoints.formats.onnx import is_onnx

    if is_onnx(source):
        return "ONNX"
    return None


def tell_unknown(source: Source) -> tuple[str, str | None]:
    """Tell why a file is none of the formats that are read, and what to do about it.

    Raises:
        LoadError: It cannot be read.
    """
    if not source.size:
        return "it is empty", None
    head = source.read(0, min(_HEAD, source.size))
    for start, what, hint in _OTHERS:
        if re.match(start, head):
            return f"it is {what}", hint
    return f"it starts like none of {KNOWN}", None


def tell_mistaken(source: Source) -> tuple[str, str | None] | None:
    """Return what stands in the place of the file that was meant, and what to do; None if it is there.

    Raises:
        LoadError: It cannot be read.
    """
    head = source.read(0, min(_HEAD, source.size))
    for start, what, hint in _OTHERS[:_MISTAKEN]:
        if re.match(start, head):
            return f"it is {what}", hint
    return None


def _is_safetensors(head: bytes) -> bool:
    """A length of eight bytes, and a JSON object behind it."""
    if len(head) < 9:
        return False
    # A length that leads beyond the file is a damaged one, and no other format.
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LARGEST_HEADER
