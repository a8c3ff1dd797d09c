"""Checkpoints and saved traces, read without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeGuard

from netinspect._utils.classes import is_a, is_target
from netinspect.errors import SavedTraceError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.trace import Trace


def read_checkpoint(source: Checkpoint | str | os.PathLike[str], *, online: bool = False) -> Checkpoint:
    """Read names, shapes, dtypes and offsets of the tensors of a checkpoint, not their values.

    Nothing in the checkpoint is executed, and torch is not imported.

    Args:
        source: A file of safetensors, torch, GGUF, ONNX or NumPy; an index of shards; a folder with a
            model's files; a model on the hub (`hf:org/name`).
        online: Whether headers may be fetched from the hub.

    Raises:
        CheckpointError: It is damaged, or not a checkpoint.
        LoadError: It cannot be read.
    """
    if is_a(source, Checkpoint):
        return source
    from netinspect.targets.target import is_on_hub

    text = os.fspath(source)
    if is_on_hub(text):
        from netinspect.checkpoints.hub.repository import read_hub

        return read_hub(text, online=online)
    from netinspect.checkpoints.read import read_checkpoint as read

    return read(text)


def checkpoint_suffixes() -> tuple[str, ...]:
    """Return the usual suffixes of checkpoint files, with the dot."""
    from netinspect.checkpoints.formats.table import SUFFIXES

    return tuple(f".{suffix}" for suffix in SUFFIXES)


def names_checkpoint(subject: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether a subject is a target that can only be a checkpoint.

    Raises:
        UsageError: The target has no known form.
        LoadError: The target does not exist.
    """
    if not is_target(subject):
        return False
    from netinspect.targets.target import parse_target

    return parse_target(os.fspath(subject), check=False).kind == "checkpoint"


def read_saved(path: str, name: str) -> Trace:
    """Read a saved trace; the error names other known JSON formats, such as an XGBoost model.

    Raises:
        CheckpointError: It is of a known format.
        SavedTraceError: It is not a saved trace, or damaged.
        LoadError: It cannot be read.
    """
    from netinspect.records.saved import read_trace

    try:
        return read_trace(Path(path), name=name)
    except SavedTraceError:
        from netinspect.checkpoints.file_sets import open_file
        from netinspect.checkpoints.recognize import unreadable_as
        from netinspect.checkpoints.unsupported.identify import identify

        with open_file(path, name) as source:
            unread = identify(source)
        if unread is not None:
            raise unreadable_as(name, unread) from None
        raise
