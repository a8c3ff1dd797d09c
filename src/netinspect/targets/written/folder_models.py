"""Error for a folder of code that is named where one model is needed: which models it has."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from netinspect.errors import CheckpointError
from netinspect.records.model_list import FoundClass
from netinspect.targets.written.files import is_example
from netinspect.targets.written.listing import find_classes

_MOST_FILES = 500
_MOST_LISTED = 6
"""Models in one line."""


def folder_of_code(folder: str, error: CheckpointError) -> CheckpointError:
    """Return the error for a folder without weights, with the models in its Python files.

    Args:
        folder: Path of the folder.
        error: Error of the folder as a checkpoint, which is returned if no file defines a model.
    """
    found, _, _ = find_classes(folder, most_files=_MOST_FILES)
    models = [each for each in found if each.role == "model"]
    own = [each for each in models if not is_example(Path(each.file), Path(folder))] or models
    if not own:
        return error
    ready = [each for each in own if each.arguments == ()]
    wanting = [each for each in own if each.arguments != ()]
    lines = {
        "without arguments": _some([each.target for each in ready]),
        "with arguments": _some([_with_arguments(each) for each in wanting]),
    }
    first = (ready or own)[0].target
    listed = f"netinspect models {shlex.quote(folder)} lists all"
    hint = f"name its model: {first}" if _is_one(own) else f"name one: {first}\n{listed}"
    return CheckpointError(
        f"{folder} is a folder of code, without a model's weights",
        cause="\n".join(f"{kind}: {names}" for kind, names in lines.items() if names),
        hint=hint,
    )


def _is_one(models: Sequence[FoundClass]) -> bool:
    """Return whether models are one class and functions that build it."""
    names = {name for each in models for name in (each.builds or (each.target.rpartition(":")[2],))}
    return len(names) == 1


def _with_arguments(model: FoundClass) -> str:
    return f"{model.target}({', '.join(model.arguments or ('...',))})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
