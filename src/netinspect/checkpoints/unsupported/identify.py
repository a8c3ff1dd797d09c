"""Identification of files that no reader accepts, by content and name."""

from __future__ import annotations

import re

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.unsupported import layouts, marks
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.file_names import format_by_name
from netinspect.checkpoints.unsupported.format import UnreadFormat

_TEXT = 64 << 10
_LEAST_DECOMPRESSED = 16
_MOST_ZEROS = 256 << 20
"""Maximum number of bytes to check for zeros."""

_FLATBUFFERS = ("tflite", "executorch", "executorch data", "ort", "mindspore lite")
_KERAS = re.compile(
    rb"keras_version|model_weights|layer_names|_layer_checkpoint_dependencies|\x00vars\x00"
)
_KERAS_LOOKED_AT = 256 << 10


def identify(source: ByteSource) -> UnreadFormat | None:
    """Return the format of a file by its content, or None if it is unknown.

    The file name alone does not decide, but must agree with ambiguous signatures. At most some hundred
    kilobytes are read, except from a file of zeros.

    Raises:
        LoadError: The source cannot be read.
    """
    head = source.read(0, min(marks.HEAD, source.size))
    key = marks.match_mark(head)
    if key is not None and (key := _completed(key, source, head)) is not None:
        return CATALOG[key]
    key = _compressed(source, head) or layouts.match_layout(source, head)
    if key is None:
        from netinspect.checkpoints.unsupported.messages import match_message
        from netinspect.checkpoints.unsupported.packed_maps import is_flax

        beginning = source.read(0, min(_TEXT, source.size))
        key = "flax" if is_flax(beginning) else match_message(source)
        if key is None:
            from netinspect.checkpoints.unsupported.texts import decode, match_text

            text = decode(beginning)
            key = None if text is None else match_text(text, source.size)
    return None if key is None else CATALOG[key]


def describe_unknown(source: ByteSource) -> tuple[str, str | None]:
    """Describe a file of unknown format by its content and name.

    Returns:
        A clause, and a hint or None.

    Raises:
        LoadError: The source cannot be read.
    """
    zeros = source.skip_zeros(end=marks.HEAD if source.remote else _MOST_ZEROS)
    if zeros == source.size:
        return (
            f"the file consists of zeros only ({zeros:,} bytes)",
            "the file is incomplete: download it again",
        )
    if zeros >= marks.HEAD:
        return f"its first {zeros:,} bytes are zeros", "the file is incomplete: download it again"
    named = format_by_name(source.name)
    if named is not None:
        cause = f"its content is of an unknown format; by its name it would be {named.name}"
        return cause, named.advice(source.name)
    from netinspect.checkpoints.unsupported.texts import decode

    if decode(source.read(0, min(_TEXT, source.size))) is not None:
        return "it is text in an unknown format", None
    return "", None


def _completed(key: str, source: ByteSource, head: bytes) -> str | None:
    """Return the format of an ambiguous signature from more of the file, or None if nothing matches."""
    if key in _FLATBUFFERS:
        return key if layouts.is_flatbuffer(source) or not any(head[8:64]) else None
    if key == "tensorrt metadata":
        return "tensorrt" if layouts.is_engine_with_metadata(source, head) else None
    if key == "hdf5":
        beginning = source.read(0, min(_KERAS_LOOKED_AT, source.size))
        return "keras hdf5" if _KERAS.search(beginning) else key
    if key == "pe":
        start = int.from_bytes(head[60:64], "little")
        is_whole = start + 4 <= source.size and source.read(start, 4) == b"PE\0\0"
        return key if is_whole else None
    return key


def _compressed(source: ByteSource, head: bytes) -> str | None:
    """Return the compression of a file with an ambiguous signature whose first bytes decompress."""
    from netinspect.checkpoints.io.compressed import method_of, peek

    method = method_of(head)
    if method not in ("zlib", "lzma") or len(peek(source, method)) < _LEAST_DECOMPRESSED:
        return None
    return method
