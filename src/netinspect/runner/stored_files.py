"""Checkpoints and saved traces, read without torch."""

from __future__ import annotations

from pathlib import Path

from netinspect.errors import NoWeightsError, SavedTraceError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.request import Target
from netinspect.records.trace import Trace


def read_checkpoint(target: Target, *, online: bool = False) -> Checkpoint:
    """Read a checkpoint from a file, a folder or the hub.

    Args:
        target: A target of the kind `checkpoint` or `hub`.
        online: Whether headers may be fetched from the hub.

    Raises:
        CheckpointError: The checkpoint is damaged, or the file is not a checkpoint.
        LoadError: It cannot be read.
    """
    if target.kind == "hub":
        from netinspect.checkpoints.hub.repository import read_hub

        return read_hub(target.text, online=online)
    from netinspect.checkpoints.read import read_checkpoint as read

    try:
        return read(target.place, target.text)
    except NoWeightsError as error:
        from netinspect.targets.written.folder_models import folder_of_code

        raise folder_of_code(target.text, error) from error


def checkpoint_suffixes() -> tuple[str, ...]:
    """Return the usual suffixes of checkpoint files, with the dot."""
    from netinspect.checkpoints.formats.table import SUFFIXES

    return tuple(f".{suffix}" for suffix in SUFFIXES)


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
        from netinspect.checkpoints.folders.file_sets import open_file
        from netinspect.checkpoints.recognize import unreadable_as
        from netinspect.checkpoints.unsupported.catalog import CATALOG
        from netinspect.checkpoints.unsupported.identify import identify

        with open_file(path, name) as source:
            unread = identify(source)
        if unread not in (None, CATALOG["gzip"]):  # a saved trace may be compressed
            raise unreadable_as(name, unread) from None
        raise
