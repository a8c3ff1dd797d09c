"""Zip archives: what is in them tells which reader they are for."""

from __future__ import annotations

from netinspect.checkpoints.archive import Archive
from netinspect.checkpoints.numpy_files import is_npz, read_npz
from netinspect.checkpoints.source import Source
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint


def read_zip(source: Source) -> Checkpoint:
    """Read a checkpoint that is a zip archive.

    Raises:
        CheckpointError: It is damaged, or holds no checkpoint.
        LoadError: It cannot be read.
    """
    archive = Archive(source)
    if is_npz(archive):
        return read_npz(archive)
    raise CheckpointError(
        f"{source.name} is not a checkpoint",
        cause="it is a zip archive without arrays or a pickle",
    )
