"""Computation of the `graph` report."""

from __future__ import annotations

from netinspect.analysis.module_index import Structure
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.part import find_module, part_of
from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.picture import Picture
from netinspect.records.trace import Trace


def build_graph(source: Trace | Checkpoint, *, path: str = "", fold: bool = True) -> Picture:
    """Build the picture of a model, or of one of its modules.

    Args:
        source: The trace; a checkpoint has no graph.
        path: The module.
        fold: Whether consecutive identical boxes are one.

    Raises:
        UsageError: There is no such module, or the source is a checkpoint.
    """
    if isinstance(source, Checkpoint):
        raise UsageError(
            f"{source.target} has no graph: a checkpoint has names and tensors only",
            hint="summary, params, tree, diff and globals read it; for a graph, name the model itself",
        )
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
