"""What a file is, by its first bytes; its name is not traced."""

from __future__ import annotations

import re
from typing import Literal

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat
from netinspect.checkpoints.unsupported.identify import describe_unknown, identify
from netinspect.errors import CheckpointError

Container = Literal["safetensors", "zip", "torch legacy", "tar", "pickle", "GGUF", "ONNX", "npy"]

_HEAD = 512
_LEGACY_MAGIC = re.compile(
    rb"(\x80[\x02-\x05](\x95.{8})?\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19|L119547037146038801333356L\n)\.",
    re.DOTALL,
)
"""The pickled number that torch's format before zip starts with."""

_OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|[\]}]q|\(?[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
"""First bytes of pickles of protocols 0 and 1, which have no header: a container or a name."""

_MOST_PROTOCOL = 0x0F

KNOWN = "safetensors, torch's own files, GGUF, ONNX, npy or npz"
_MISTAKEN = ("lfs", "html", "xml error", "hub error")
"""Files that are there in place of the one that was meant."""

_COMPRESSED = "compressed by "
"""How the formats begin that are unpacked first."""

_TAR_MAGIC = slice(257, 262)
_LARGEST_HEADER = 1 << 48


def recognize(source: ByteSource) -> Container | None:
    """Describe what a file is by its content; None if it is none of the formats that are read.

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


def unreadable(source: ByteSource) -> CheckpointError:
    """Return the error for a file that no reader takes: what it is, and what reads it.

    Raises:
        LoadError: It cannot be read.
    """
    other = "a model is named by its .py file; a saved trace is what --save FILE wrote"
    message = f"{source.name} is not a checkpoint"
    if not source.size:
        return CheckpointError(message, cause="it is empty", hint="fetch it again")
    unread = identify(source)
    if unread is None:
        cause, hint = describe_unknown(source)
        return CheckpointError(
            message, cause=cause or f"unknown format: not {KNOWN}", hint=hint or other
        )
    inner = _inside(source)
    if inner is not None:
        again = inner.name.startswith(_COMPRESSED)  # the outer one has to be unpacked first
        hint = unread.hint if again else inner.hint
        inner = inner._replace(name=f"{inner.name}, {unread.name}", hint=hint)
    return unreadable_as(source.name, inner or unread)


def _inside(source: ByteSource) -> UnreadFormat | None:
    """Return the format of what a compressed file holds; None for others, and where that is unknown."""
    from netinspect.checkpoints.io.compressed import method_of
    from netinspect.checkpoints.io.decompressed import peek_inside

    method = method_of(source.read(0, min(_HEAD, source.size)))
    inside = None if method is None else peek_inside(source, method)
    return None if inside is None else identify(inside)


def unreadable_as(name: str, unread: UnreadFormat) -> CheckpointError:
    """Return the error for a file or folder of a format that is not read."""
    message = f"{name} is not a checkpoint"
    if unread.is_model:
        message += " that netinspect reads"
    return CheckpointError(message, cause=unread.describe(), hint=unread.advice(name))


def find_mistaken(source: ByteSource) -> UnreadFormat | None:
    """Return what is there in place of the file that was meant; None if nothing states so.

    Raises:
        LoadError: It cannot be read.
    """
    unread = identify(source) if source.size else None
    return unread if unread in [CATALOG[key] for key in _MISTAKEN] else None


def _is_safetensors(head: bytes) -> bool:
    """A length of eight bytes, and a JSON object after it."""
    if len(head) < 9:
        return False
    # A length that leads beyond the file is a damaged one, and no other format.
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LARGEST_HEADER
