"""Computation graphs in model files, read without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netinspect.errors import LoadError

if TYPE_CHECKING:
    from netinspect.records.checkpoint import Checkpoint
    from netinspect.records.file_graph import FileGraph


def file_graph_of(checkpoint: Checkpoint) -> tuple[FileGraph | None, str]:
    """Return the graph in the file of a checkpoint; or None, and the reason if it could not be read."""
    from netinspect.checkpoints.graphs.read import FORMATS, read_file_graph

    if checkpoint.format not in FORMATS or not checkpoint.files:
        return None, ""
    file = checkpoint.files[0]
    if "://" in file.path:
        return None, "the graph of a file on the hub is not read: download it"
    try:
        return read_file_graph(file.path, checkpoint.target), ""
    except LoadError as error:
        return None, ": ".join(filter(None, (error.message, error.cause)))
