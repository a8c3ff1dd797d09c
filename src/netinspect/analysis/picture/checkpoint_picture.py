"""Picture of a checkpoint: the graph in its file, or the tree of its names."""

from __future__ import annotations

from netinspect._utils.process import without_collector
from netinspect.analysis.picture.build import build_picture
from netinspect.analysis.picture.file_calls import calls_of_file, notes_of_file
from netinspect.analysis.picture.tensor_calls import calls_of_tensors
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.checkpoint_header import checkpoint_header
from netinspect.records.file_graph import FileGraph
from netinspect.records.picture import Picture


def picture_of_checkpoint(
    checkpoint: Checkpoint, graph: FileGraph | None = None, *, fold: bool = True, note: str = ""
) -> Picture:
    """Build the picture of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        graph: The graph in its file; None if it has none, or if that could not be read.
        fold: Whether identical boxes are one item.
        note: Reason why a graph could not be read.
    """
    header = checkpoint_header(checkpoint)
    if graph is not None and graph.nodes:
        with without_collector():
            calls = calls_of_file(graph, checkpoint)
            return build_picture(calls, header, fold=fold, notes=notes_of_file(graph))
    notes = [note] if note else []
    if graph is not None:
        notes += graph.notes
    notes.append("no data flow: the boxes are the parts of the names of tensors")
    return build_picture(calls_of_tensors(checkpoint), header, fold=fold, notes=tuple(notes))
