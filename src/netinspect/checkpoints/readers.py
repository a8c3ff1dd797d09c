"""Checkpoint from one file of any format, compressed or not."""

from __future__ import annotations

from typing import cast

from netinspect.checkpoints.formats.table import HEAD, format_named, load
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.recognize import recognize, unreadable
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint


def read_source(source: ByteSource) -> Checkpoint:
    """Read one file of any format in `FORMATS`.

    Raises:
        CheckpointError: The file is damaged, or not a checkpoint.
        LoadError: The file cannot be read.
    """
    name = recognize(source)
    if name is None:
        return _read_compressed(source)
    return cast("Checkpoint", load(format_named(name).reader)(source))


def _read_compressed(source: ByteSource) -> Checkpoint:
    """Read a checkpoint that is compressed as a whole.

    Raises:
        CheckpointError: The file is damaged, or not a checkpoint.
        LoadError: The file cannot be read.
    """
    from netinspect.checkpoints.io.compressed import method_of
    from netinspect.checkpoints.io.decompressed import UnpackedSource, peek_inside

    method = method_of(source.read(0, min(HEAD, source.size)))
    inside = None if method is None or source.remote else peek_inside(source, method)
    if method is None or inside is None or recognize(inside) is None:
        raise unreadable(source)
    with UnpackedSource(source, method) as unpacked:
        found = read_source(unpacked)
    warnings = [f"compressed by {method}: bytes are counted in what it decompresses to"]
    if unpacked.left:
        warnings.append(f"after the compressed data: {unpacked.left:,} bytes that are not read")
    return replace(found, warnings=(*found.warnings, *warnings))
