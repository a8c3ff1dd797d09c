"""Computation of the `graph` report."""

from __future__ import annotations

from netinspect.analysis.module_index import Structure
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.checkpoint_picture import picture_of_checkpoint
from netinspect.analysis.picture.difference import difference_of_traces
from netinspect.analysis.picture.part import find_module, part_of
from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.file_graph import FileGraph
from netinspect.records.picture import Picture
from netinspect.records.trace import Trace
from netinspect.reports.diff.modules import pair_modules


def build_graph(
    source: Trace | Checkpoint,
    *,
    path: str = "",
    fold: bool = True,
    graph: FileGraph | None = None,
    note: str = "",
    against: Trace | None = None,
) -> Picture:
    """Build the picture of a model, or of one of its modules.

    Args:
        source: The trace or checkpoint.
        path: The module.
        fold: Whether consecutive identical boxes are one.
        graph: The graph in the file of a checkpoint; without one the picture is the tree of its names.
        note: Reason why that graph could not be read.
        against: The trace of a model to compare with.

    Raises:
        UsageError: There is no such module.
    """
    if isinstance(source, Checkpoint):
        return _of_checkpoint(source, path, graph, fold=fold, note=note)
    if against is not None:
        picture = difference_of_traces(source, against, pair_modules(source, against), fold=fold)
    else:
        picture = picture_of_trace(source, fold=fold)
    if not path:
        return picture
    module = Structure(source).find(path)
    place = find_module(picture, module.path) or find_module(picture, module.alias_of or "")
    if place is None:
        raise UsageError(
            f"{module.path} is not in the graph",
            hint=f"what it holds: netinspect internals {source.target} {module.path}",
        )
    return part_of(picture, place)


def _of_checkpoint(
    checkpoint: Checkpoint, path: str, graph: FileGraph | None, *, fold: bool, note: str
) -> Picture:
    picture = picture_of_checkpoint(checkpoint, graph, fold=fold, note=note)
    if not path:
        return picture
    place = find_module(picture, path)
    if place is None:
        raise UsageError(
            f"{path} is not in the graph of {checkpoint.target}",
            hint=f"all names: netinspect tree {checkpoint.target}",
        )
    return part_of(picture, place)
