"""Pipelines of diffusers: an index file and a subfolder for each part of the model."""

from __future__ import annotations

from collections.abc import Callable

from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.folders.join import join, prefixed
from netinspect.checkpoints.folders.weight_sets import find_sets
from netinspect.errors import CheckpointError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint

INDEX = "model_index.json"
"""File that marks a folder as a pipeline."""

_MOST_PARTS = 64


def read_pipeline(file_set: FileSet, read: Callable[[FileSet], Checkpoint]) -> Checkpoint | None:
    """Read the weights of all parts; the names of tensors start with that of the part's folder.

    Args:
        file_set: Folder of the pipeline.
        read: Function that reads one part.

    Returns:
        One checkpoint with all parts; None if no subfolder has weights.

    Raises:
        CheckpointError: No part can be read.
        LoadError: The folder cannot be read.
    """
    folders = [name for name, inside in file_set.folders().items() if find_sets(inside)]
    parts: list[Checkpoint] = []
    problems: list[str] = []
    error: CheckpointError | None = None
    for name in sorted(folders)[:_MOST_PARTS]:
        try:
            part = read(file_set.subfolder(name))
        except CheckpointError as caught:
            error = error or caught
            problems.append(f"{name}: {caught.message}" + (f": {caught.cause}" if caught.cause else ""))
            continue
        if parts and part.format != parts[0].format:
            problems.append(f"{name} is {part.format}, and {parts[0].target} is {parts[0].format}")
            continue
        part = prefixed(part, name)
        files = tuple(replace(each, name=f"{name}/{each.name}") for each in part.files)
        warnings = tuple(f"{name}: {each}" for each in part.warnings)
        lost = tuple(f"{name}: {each}" for each in part.problems)
        parts.append(replace(part, target=name, files=files, warnings=warnings, problems=lost))
    if error is not None and not parts:
        raise error
    if not parts:
        return None
    joined = join(file_set.name, parts)
    if len(folders) > _MOST_PARTS:
        problems.append(f"it has {len(folders):,} folders with weights; {_MOST_PARTS} are read")
    return replace(joined, problems=(*problems, *joined.problems))
