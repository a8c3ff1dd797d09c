"""Checkpoint from a local path: a file, an index of shards or a folder."""

from __future__ import annotations

import os

from netinspect._utils.process import without_collector
from netinspect.checkpoints.folders.file_sets import Folder, open_file
from netinspect.checkpoints.folders.read_folder import (
    describe_part,
    read_file_set,
    read_index,
    read_set,
    refuse_piece,
)
from netinspect.checkpoints.folders.weight_sets import DISTRIBUTED, DISTRIBUTED_METADATA, is_index
from netinspect.checkpoints.formats.gguf_split import is_split
from netinspect.checkpoints.readers import read_source
from netinspect.records.checkpoint import Checkpoint


def read_checkpoint(path: str, name: str | None = None) -> Checkpoint:
    """Read the tensors of a file or of a folder with a model's files, without their values.

    Nothing in the files is executed.

    Args:
        path: Path of the file or folder.
        name: Name for messages; None for the path.

    Raises:
        CheckpointError: The file or folder is damaged, or not a checkpoint.
        LoadError: The file or folder cannot be read.
    """
    name = path if name is None else name
    folder, base = os.path.split(path)
    with without_collector():
        _refuse_unread(path, name)
        if os.path.isdir(path):
            return read_file_set(Folder(path, name))
        if base == DISTRIBUTED_METADATA:
            from netinspect.checkpoints.distributed.folder import read_distributed

            return read_distributed(Folder(folder or os.curdir, name))
        if base.endswith(DISTRIBUTED):
            has_metadata = os.path.exists(os.path.join(folder, DISTRIBUTED_METADATA))
            raise refuse_piece(name, folder, has_metadata=has_metadata)
        if is_index(base):
            return read_index(Folder(folder or os.curdir, name), base)
        with open_file(path, name) as source:
            checkpoint = read_source(source)
        if is_split(checkpoint):
            return read_set(Folder(folder or os.curdir, name), base)
    return describe_part(checkpoint, base)


def _refuse_unread(path: str, name: str) -> None:
    """Refuse a folder that is a model in a format that is not read.

    Raises:
        CheckpointError: The folder is such a model.
        LoadError: The folder cannot be read.
    """
    if not os.path.isdir(path):
        return
    from netinspect.checkpoints.recognize import unreadable_as
    from netinspect.checkpoints.unsupported.folders import identify_folder

    if (unread := identify_folder(Folder(path, name))) is not None:
        raise unreadable_as(name, unread)
